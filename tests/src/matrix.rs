//! Who is let in where: every route called as every seeded role, held against what the route asks for, and written
//! down in `docs/permissions.md`.

use crate::{
    generated::{DOCUMENT, current},
    support::{Api, CALLERS, Fixture},
    template::code_routes,
};
use app::{Access, Route};
use domain::{Permission, seeded_roles};
use futures_util::{StreamExt, stream};
use http::Method;
use std::{collections::BTreeMap, fmt::Write};

/// Statements of any GET at most: two, and one for the session, which is then believed for half a minute.
const READING: u32 = 3;
/// Of a report that is computed: what it needs beside the data's version it asks for at once, in one round trip.
const REPORTING: u32 = 8;

/// Whether a role's keys let somebody in, as the route says it.
fn expected(route: &Route, keys: &[Permission]) -> bool {
    match route.access {
        Access::Public | Access::SignedIn => true,
        Access::Key(key) => keys.contains(&key),
        Access::Any(any) => any.iter().any(|key| keys.contains(key)),
    }
}

/// Whether each role is let in, in fact: a refusal for the caller's sake is 401 or 403, everything else is about
/// what was asked for.
async fn called(api: &Api, number: usize, route: &'static Route, roles: &[&str]) -> Vec<(bool, u32, String)> {
    let mut answers = Vec::new();
    let mut fixture = None;
    for (turn, who) in roles.iter().enumerate() {
        let here = match &mut fixture {
            Some(here) => here,
            none => {
                let name = format!("m{number}x{turn}");
                none.insert(Fixture::create(&api.owner, &name, api.app.now().date_naive()).await)
            }
        };
        if route.access == Access::Public {
            api.owner.execute("delete from throttles", &[]).await.expect("throttles");
        }
        let call = here.call(&DOCUMENT, route, who);
        let client = api.sign_in_as(&here.company, here.person(who)).await;
        let reply = client.call(&route.method, call).await;
        if reply.status.is_success() && route.method != Method::GET {
            fixture = None; // the next one finds things as they were
        }
        let refused = match reply.status.as_u16() {
            401 => route.access != Access::Public, // there it is about what was sent, such as a password
            status => status == 403,
        };
        let answer = format!("{} {:.200}", reply.status, reply.body.to_string());
        answers.push((!refused, reply.statements(), answer));
    }
    answers
}

#[tokio::test]
async fn generated_permission_matrix_is_what_every_role_meets() {
    let roles = seeded_roles();
    let names: Vec<&str> = roles.iter().map(|(name, ..)| *name).collect();
    assert!(names.iter().all(|name| CALLERS.contains(name)), "{names:?}");
    let api = Api::start_with(&[("DATABASE_POOL_SIZE", "8")]).await;
    let mut answers: Vec<_> = stream::iter(code_routes().enumerate())
        .map(|(number, route)| {
            let called = called(&api, number, route, &names);
            async move { (route, called.await) }
        })
        .buffer_unordered(4)
        .collect()
        .await;
    answers.sort_by_key(|(route, _)| (route.path, route.method.as_str()));

    let mut failures = Vec::new();
    let mut tables: BTreeMap<&str, String> = BTreeMap::new();
    for (route, answers) in &answers {
        let mut line = format!("| `{} {}` |", route.method, route.path);
        for ((role, _, keys), (let_in, statements, answer)) in roles.iter().zip(answers) {
            let expected = expected(route, keys);
            let most = if route.function == "api-reports" { REPORTING } else { READING };
            if route.method == Method::GET && *statements > most {
                failures.push(format!("GET {}: {statements} statements for {role}: {answer}", route.path));
            }
            if expected != *let_in {
                let said = if expected { "should be let in" } else { "should be refused" };
                failures.push(format!("{} {}: {role} {said}: {answer}", route.method, route.path));
            }
            line += if expected { " ✓ |" } else { " · |" };
        }
        let keys = match route.access {
            Access::Public => "anybody".to_owned(),
            Access::SignedIn => "a session".to_owned(),
            Access::Key(key) => format!("`{key}`"),
            Access::Any(keys) => keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" or "),
        };
        let table = tables.entry(route.function.trim_start_matches("api-")).or_default();
        let _ = writeln!(table, "{line} {keys} |");
    }
    assert!(failures.is_empty(), "{} differences:\n{}", failures.len(), failures.join("\n"));

    let mut page = String::from(
        "# Who may call what\n\n\
         Generated from the routes by `cargo xtask generate`, which calls every route as every seeded role and fails if one\n\
         is let in or refused otherwise than its `access` says (`tests/src/matrix.rs`). Do not edit.\n\n\
         ✓ let in, · refused (403). What somebody who is let in sees – their own, their teams', the company's – depends on\n\
         which of several keys they hold. Rights follow keys, never a role's name; a company may give its roles other keys.\n",
    );
    for (tag, rows) in tables {
        let head = names.join(" | ");
        let rule = vec!["---"; names.len() + 2].join(" | ");
        let _ = write!(page, "\n## {tag}\n\n| | {head} | needs |\n| {rule} |\n{rows}");
    }
    current("docs/permissions.md", &page);
}
