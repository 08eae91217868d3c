//! Files made from the code: `docs/openapi.json`, the HTTP events of `template.yaml`, the router of `Cargo.toml`.
//! A stale one fails; `cargo xtask generate` writes them anew.

use crate::template::{code_routes, root, text};
use app::openapi::Part;
use std::{collections::BTreeMap, fmt::Write};

/// Every package that serves HTTP.
fn parts() -> Vec<Part> {
    vec![
        (api_auth::ROUTES, api_auth::docs()),
        (api_calendar::ROUTES, api_calendar::docs()),
        (api_codes::ROUTES, api_codes::docs()),
        (api_company::ROUTES, api_company::docs()),
        (api_entries::ROUTES, api_entries::docs()),
        (api_exports::ROUTES, api_exports::docs()),
        (api_leave::ROUTES, api_leave::docs()),
        (api_realtime::ROUTES, api_realtime::docs()),
        (api_reports::ROUTES, api_reports::docs()),
        (api_roles::ROUTES, api_roles::docs()),
        (api_system::ROUTES, api_system::docs()),
        (api_teams::ROUTES, api_teams::docs()),
        (api_timesheets::ROUTES, api_timesheets::docs()),
        (api_users::ROUTES, api_users::docs()),
    ]
}

/// Holds a file against what it should be, or writes it.
pub(crate) fn current(path: &str, wanted: &str) {
    let stored = std::fs::read_to_string(root().join(path)).unwrap_or_default();
    if stored == wanted {
        return;
    }
    if std::env::var("GOGOTIME_GENERATE").is_ok() {
        std::fs::write(root().join(path), wanted).unwrap();
        println!("wrote {path}");
        return;
    }
    let differs = stored.lines().zip(wanted.lines()).position(|(a, b)| a != b);
    let line = differs.unwrap_or_else(|| stored.lines().count().min(wanted.lines().count())) + 1;
    panic!("{path} is stale from line {line} on: run `cargo xtask generate`");
}

#[test]
fn generated_openapi_json_describes_every_route() {
    let document = app::openapi::document(parts()).unwrap();
    current("docs/openapi.json", &(serde_json::to_string_pretty(&document).unwrap() + "\n"));
}

#[test]
fn generated_events_of_the_template_are_the_routes_of_the_code() {
    let mut events: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
    for route in code_routes() {
        let path = format!("{}{}", app::BASE, route.path);
        let quoted = if path.contains('{') { format!("'{path}'") } else { path };
        let words = route.path.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        let method = route.method.as_str();
        let name = words.fold(capitalised(&method.to_lowercase()), |name, word| name + &capitalised(word));
        let event = format!(
            "        {name}: {{Type: HttpApi, Properties: {{ApiId: !Ref HttpApi, Method: {method}, Path: {quoted}}}}}\n"
        );
        // By path, so that the methods of one stand together.
        events.entry(route.function).or_default().insert(format!("{} {method}", route.path), event);
    }
    let stored = text("template.yaml");
    let mut wanted = String::new();
    let mut lines = stored.lines().peekable();
    let mut function = None;
    while let Some(line) = lines.next() {
        let code = line.trim().strip_prefix("CodeUri: target/lambda/").and_then(|rest| rest.strip_suffix('/'));
        function = code.or(function);
        if !line.starts_with("      Events:") || !function.is_some_and(|name| events.contains_key(name)) {
            let _ = writeln!(wanted, "{line}");
            continue;
        }
        wanted += "      Events:\n";
        let own = function.and_then(|name| events.remove(name)).unwrap_or_default();
        own.values().for_each(|event| wanted += event);
        while lines.next_if(|line| line.starts_with("        ")).is_some() {}
    }
    assert!(events.is_empty(), "no function of template.yaml serves {:?}", events.keys());
    current("template.yaml", &wanted);
}

#[test]
fn generated_router_of_cargo_lambda_watch_is_that_of_the_code() {
    let mut paths: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for route in code_routes() {
        paths.entry(route.path).or_default().insert(route.method.as_str(), route.function);
    }
    let mut router = String::new();
    for (path, targets) in paths {
        let target = |(method, function)| format!("{{ method = \"{method}\", function = \"{function}\" }}");
        let targets: Vec<_> = targets.into_iter().map(target).collect();
        let _ = writeln!(router, "\"{}{path}\" = [{}]", app::BASE, targets.join(", "));
    }
    let stored = text("Cargo.toml");
    let heading = "[workspace.metadata.lambda.watch.router]\n";
    let (before, rest) = stored.split_once(heading).unwrap();
    let after = rest.find("\n\n").map_or("", |end| &rest[end + 1..]);
    current("Cargo.toml", &format!("{before}{heading}{router}{after}"));
}

fn capitalised(word: &str) -> String {
    let (head, tail) = word.split_at(word.len().min(1));
    head.to_uppercase() + tail
}
