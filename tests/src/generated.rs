//! Files made from the code: `docs/openapi.json`, the HTTP events of `template.yaml`, the router of `Cargo.toml`.
//! A stale one fails; `cargo xtask generate` writes them anew.

use crate::{
    support::{Api, Backends, Fixture, Sample, World, body_schema},
    template::{code_routes, root, text},
};
use app::openapi::Part;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt::Write, sync::LazyLock};

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

/// `docs/openapi.json` as it should be.
pub(crate) static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| app::openapi::document(parts()).unwrap_or_else(|error| panic!("{error}")));

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
    current("docs/openapi.json", &(serde_json::to_string_pretty(&*DOCUMENT).unwrap() + "\n"));
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
        let code =
            line.trim().strip_prefix("CodeUri: target/lambda/").and_then(|rest| rest.strip_suffix('/'));
        function = code.or(function);
        if !line.starts_with("      Events:") || !function.is_some_and(|name| events.contains_key(name)) {
            let _ = writeln!(wanted, "{line}");
            continue;
        }
        wanted += "      Events:\n";
        let own = function.and_then(|name| events.remove(name)).unwrap_or_default();
        wanted.extend(own.into_values());
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

/// Every schema, wherever it stands, with the place it stands at.
fn schemas<'a>(at: &str, value: &'a Value, found: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::Object(object) => {
            let is_place =
                |key: &str| key == "schema" || at.ends_with("/schemas") || at.ends_with("/properties");
            for (key, value) in object {
                if is_place(key)
                    || ["items", "additionalProperties"].contains(&key.as_str()) && value.is_object()
                {
                    found.push((format!("{at}/{key}"), value));
                }
                schemas(&format!("{at}/{key}"), value, found);
            }
        }
        Value::Array(list) => {
            for (place, value) in list.iter().enumerate() {
                schemas(&format!("{at}/{place}"), value, found);
            }
        }
        _ => {}
    }
}

/// That the rest is OpenAPI 3.1 is for its own validator to say, which `cargo xtask test` runs with Schemathesis.
#[test]
fn the_schemas_of_the_document_are_schemas_and_its_examples_are_examples() {
    let mut found = Vec::new();
    schemas("", &DOCUMENT, &mut found);
    assert!(found.len() > 100, "{}", found.len());
    let mut failures = Vec::new();
    for (at, schema) in found {
        if let Err(error) = jsonschema::draft202012::meta::validate(schema) {
            failures.push(format!("{at} is no JSON schema: {error}"));
            continue;
        }
        if let Some(target) = schema["$ref"].as_str()
            && DOCUMENT.pointer(target.trim_start_matches('#')).is_none()
        {
            failures.push(format!("{at}: there is no {target}"));
            continue;
        }
        let examples = schema["examples"].as_array().into_iter().flatten();
        for example in examples.chain(schema.get("example")) {
            let wrong = validator(schema);
            failures.extend(wrong.iter_errors(example).map(|error| format!("{at}: its example: {error}")));
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// A validator of a schema of the document.
fn validator(schema: &Value) -> jsonschema::Validator {
    let document = json!({ "allOf": [schema], "components": DOCUMENT["components"] });
    jsonschema::options()
        .should_validate_formats(true)
        .build(&document)
        .unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test]
async fn the_api_can_read_every_body_that_the_document_shows() {
    let api = Api::start().await;
    let mut failures = Vec::new();
    for (number, route) in code_routes().enumerate() {
        let Some(schema) = body_schema(&DOCUMENT, route) else { continue };
        let fixture = Fixture::create(&api.owner, &format!("g{number}"), api.app.now().date_naive()).await;
        let sample = Sample { document: &DOCUMENT, fixture: &fixture, who: "operator" };
        let target = schema["$ref"].as_str().and_then(|path| DOCUMENT.pointer(path.trim_start_matches('#')));
        let whole = target.unwrap_or(schema).get("example").cloned();
        let Some(shown) = whole.or_else(|| sample.body(route)) else { continue };
        let valid = validator(schema);
        let mut fail =
            |why: String| failures.push(format!("{} {}: {why}: {shown}", route.method, route.path));
        valid.iter_errors(&shown).for_each(|error| fail(error.to_string()));
        let call = fixture.call(&DOCUMENT, route, "operator");
        let somebody = api.sign_in_as(&fixture.company, fixture.person("operator")).await;
        let reply = somebody.send(route.method.clone(), &call.path, Some(shown.clone())).await;
        if [400, 415].contains(&reply.status.as_u16()) || reply.status.is_server_error() {
            fail(format!("{} {:.300}", reply.status, reply.body.to_string()));
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn developers_find_the_document_and_a_page_for_it_and_no_function_knows_of_them() {
    let world = World::start(Backends { redis: false, sqs: false, live: false }).await;
    let get = async |path: &str| {
        let reply = reqwest::get(format!("http://{}{path}", world.local.addr())).await.unwrap();
        assert_eq!(reply.status(), 200, "{path}");
        reply.text().await.unwrap()
    };
    assert_eq!(get("/api/docs/openapi.json").await, text("docs/openapi.json"));
    assert!(get("/api/docs/").await.contains("swagger-ui"));
    assert!(get("/api/docs/swagger-initializer.js").await.contains("/api/docs/openapi.json"));
    assert!(!code_routes().any(|route| route.path.starts_with("/docs")));
}
