//! `cargo xtask check`: the invariants of docs/architecture.md that the compiler does not keep, from
//! `cargo metadata` and the sources. Every failure names its rule and its place.

use crate::env;
use crate::workspace::{files, root};
use anyhow::{Context, Result, bail};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// All that `domain` may use: nothing of it does I/O or reads a clock.
const DOMAIN: [&str; 7] = ["chrono", "proptest", "serde", "serde_json", "thiserror", "utoipa", "uuid"];

/// A crate that only one package may know, because that package hides it.
const OWNED: [(&str, &str); 10] = [
    ("tokio-postgres", "db"),
    ("deadpool-postgres", "db"),
    ("tokio-postgres-rustls", "db"),
    ("redis", "cache"),
    ("aws-sdk-elasticache", "cache"),
    ("aws-sdk-sqs", "queue"),
    ("aws-sdk-apigatewaymanagement", "live"),
    ("lettre", "mail"),
    ("aws-sdk-sesv2", "mail"),
    ("object_store", "files"),
];

/// Packages that look behind the scenes on purpose.
const TOOLS: [&str; 3] = ["bench", "tests", "xtask"];

/// Runs every rule; all failures are listed before it fails.
pub(crate) fn run() -> Result<()> {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("cargo metadata")?;
    let mut broken = Vec::new();
    dependencies(&metadata, &mut broken);
    packages(&metadata, &mut broken);
    sources(&mut broken);
    variables(&mut broken);
    if broken.is_empty() {
        println!("  {} packages keep the invariants", metadata.packages.len());
        return Ok(());
    }
    for failure in &broken {
        eprintln!("  ✗ {failure}");
    }
    bail!("{} broken invariants", broken.len())
}

fn folder(package: &Package) -> &Path {
    package.manifest_path.as_std_path().parent().unwrap_or(Path::new(""))
}

fn is_function(package: &Package) -> bool {
    folder(package).starts_with(root().join("functions"))
}

fn dependencies(metadata: &Metadata, broken: &mut Vec<String>) {
    let functions: BTreeSet<&str> =
        metadata.packages.iter().filter(|p| is_function(p)).map(|p| p.name.as_str()).collect();
    for package in &metadata.packages {
        let name = package.name.as_str();
        for dependency in &package.dependencies {
            let used = dependency.name.as_str();
            if name == "domain" && !DOMAIN.contains(&used) {
                broken.push(format!(
                    "`domain` is pure: it may not depend on `{used}` (allowed: {})",
                    DOMAIN.join(", ")
                ));
            }
            if is_function(package) && functions.contains(used) {
                broken.push(format!("functions never depend on each other: `{name}` depends on `{used}`"));
            }
            let tool = TOOLS.contains(&name) || dependency.kind == DependencyKind::Development;
            if let Some((_, owner)) =
                OWNED.iter().find(|(owned, owner)| *owned == used && *owner != name && !tool)
            {
                broken.push(format!("only `{owner}` knows `{used}`: `{name}` depends on it"));
            }
        }
    }
}

fn packages(metadata: &Metadata, broken: &mut Vec<String>) {
    for package in &metadata.packages {
        let name = package.name.as_str();
        let folder = folder(package).file_name().unwrap_or_default().to_string_lossy();
        if name != folder && !name.ends_with(&format!("-{folder}")) {
            broken.push(format!("a package ends like its folder is called: `{name}` is in `{folder}/`"));
        }
        for target in package.targets.iter().filter(|t| is_function(package) && t.is_bin() && t.test) {
            broken.push(format!(
                "a function's binary has `test = false` (its tests are in tests/): `{}` of `{name}`",
                target.name
            ));
        }
    }
}

/// Rules about the text of files.
fn sources(broken: &mut Vec<String>) {
    for path in files(root()) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let shown = path.strip_prefix(root()).unwrap_or(&path);
        if shown.starts_with("functions") && path.extension().is_some_and(|kind| kind == "rs") {
            for (line, literal) in string_literals(&text) {
                if is_sql(&literal) {
                    broken.push(format!(
                        "functions hold no SQL (it lives in `db`): {}:{line}: {literal:.60}",
                        shown.display()
                    ));
                }
            }
        }
        if shown.file_name().is_some_and(|name| name == ".env") {
            continue; // the developer's own, not checked in
        }
        for (number, line) in text.lines().enumerate() {
            if let Some(place) = home_path(line) {
                broken.push(format!("no path of one machine: {}:{}: {place}", shown.display(), number + 1));
            }
        }
    }
}

/// Whether a string is a statement rather than a sentence.
fn is_sql(literal: &str) -> bool {
    let text = literal.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    (text.starts_with("select ") && (text.contains(" from ") || text.contains('(') || text.contains('$')))
        || (text.starts_with("update ") && text.contains(" set "))
        || (text.starts_with("with ") && text.contains(" as ("))
        || text.contains("insert into ")
        || text.contains("delete from ")
}

/// The string literals of Rust source with their line numbers; comments and characters are passed over.
fn string_literals(source: &str) -> Vec<(usize, String)> {
    let bytes = source.as_bytes();
    let line_at = |at: usize| 1 + source[..at].matches('\n').count();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &source[at..];
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            at += rest.find("*/").map_or(rest.len(), |end| end + 2);
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            at += rest[1..].find('\'').map_or(rest.len(), |end| end + 2);
        } else if let Some((hashes, text)) = raw_string(rest) {
            found.push((line_at(at), text.to_owned()));
            at += text.len() + 2 * hashes + 3;
        } else if rest.starts_with('"') {
            let mut end = 1;
            while end < rest.len() && rest.as_bytes()[end] != b'"' {
                end += if rest.as_bytes()[end] == b'\\' { 2 } else { 1 };
            }
            let text = rest.get(1..end).unwrap_or_default();
            found.push((line_at(at), text.replace("\\\n", " ").replace("\\n", " ")));
            at += end + 1;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    found
}

/// `r#"…"#` at the start: how many `#`, and what is inside.
fn raw_string(rest: &str) -> Option<(usize, &str)> {
    let after = rest.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let inside = after[hashes..].strip_prefix('"')?;
    let end = inside.find(&format!("\"{}", "#".repeat(hashes)))?;
    Some((hashes, &inside[..end]))
}

/// An absolute path into somebody's home or work folder.
fn home_path(line: &str) -> Option<&str> {
    // Put together here, so that this file does not break its own rule.
    let folders =
        [concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/")];
    folders.iter().find_map(|folder| {
        let at = line.find(folder)?;
        let before = line[..at].chars().next_back();
        let inside = before.is_some_and(|c| c.is_alphanumeric() || "._-~}*>/".contains(c));
        (!inside).then(|| line[at..].split([' ', '"', '\'', '`', ')']).next().unwrap_or(folder))
    })
}

/// `.env.example` and the one place that reads the environment name the same variables.
fn variables(broken: &mut Vec<String>) {
    let (config, example) = ("shared/app/src/config.rs", ".env.example");
    let read = |path: &str| fs::read_to_string(root().join(path));
    let (Ok(code), Ok(text)) = (read(config), read(example)) else {
        broken.push(format!("{config} or {example} cannot be read"));
        return;
    };
    let read = variables_read(&code);
    let documented: BTreeSet<String> = text
        .lines()
        .filter_map(|line| env::parse(line.trim_start_matches(['#', ' '])).into_keys().next())
        .filter(|name| is_variable(name))
        .collect();
    // Lambda and the SDK read these by themselves.
    let foreign = |name: &&String| name.starts_with("AWS_") || name.starts_with("GOGOTIME_TEST_");
    for name in read.difference(&documented).filter(|name| !foreign(name)) {
        broken.push(format!("{example} documents every variable: {name} of {config} is missing"));
    }
    for name in documented.difference(&read).filter(|name| !foreign(name)) {
        broken.push(format!("{example} documents only what is read: {config} does not know {name}"));
    }
}

/// Names in string literals outside the tests; `{}_QUEUE_URL` stands for every queue's.
fn variables_read(code: &str) -> BTreeSet<String> {
    let code = code.split("#[cfg(test)]").next().unwrap_or(code);
    let mut names = BTreeSet::new();
    for (_, literal) in string_literals(code) {
        if let Some(suffix) = literal.strip_prefix("{}").or_else(|| literal.strip_prefix("{queue}")) {
            let queues = domain::QueueName::ALL.map(|queue| queue.as_str().to_uppercase());
            names.extend(
                queues.iter().map(|queue| format!("{queue}{suffix}")).filter(|name| is_variable(name)),
            );
        } else if is_variable(&literal) {
            names.insert(literal);
        }
    }
    names
}

fn is_variable(name: &str) -> bool {
    name.len() > 3
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        && name.contains('_')
        || ["STAGE"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_found_and_comments_are_not() {
        let source = "// \"no\"\nlet a = \"one\\\"\"; let q = '\"';\nlet b = r#\"two \"quoted\"\"#; /* \"no\" */ \"three\"";
        let found: Vec<_> = string_literals(source);
        let texts: Vec<_> = found.iter().map(|(line, text)| (*line, text.as_str())).collect();
        assert_eq!(texts, [(2, "one\\\""), (3, "two \"quoted\""), (3, "three")]);
    }

    #[test]
    fn statements_are_told_from_sentences() {
        for sql in [
            "select id from users",
            "SELECT 1 + $1",
            "update users set a = 1",
            "with x as (select 1)",
            "insert  into t",
        ] {
            assert!(is_sql(sql), "{sql}");
        }
        for sentence in ["select a team", "updated the set", "with regards", "Selected rows"] {
            assert!(!is_sql(sentence), "{sentence}");
        }
    }

    #[test]
    fn paths_of_one_machine_are_seen() {
        assert!(home_path(concat!("see /wo", "rk/main/x")).is_some());
        assert!(home_path(concat!("\"/ho", "me/me/.cargo\"")).is_some());
        assert!(home_path(concat!("https://example.com/wo", "rk/x")).is_none());
        assert!(home_path(concat!("target/ho", "me/x")).is_none());
    }

    #[test]
    fn variables_of_the_code_are_found() {
        let code = "env(\"STAGE\"); env(\"DATABASE_URL\"); format!(\"{}_QUEUE_URL\"); env(\"json\"); \n#[cfg(test)] \"NOT_THIS\"";
        let names: Vec<_> = variables_read(code).into_iter().collect();
        let expected = [
            "DATABASE_URL",
            "EXPORTS_QUEUE_URL",
            "LIVE_QUEUE_URL",
            "NOTIFICATIONS_QUEUE_URL",
            "PUSH_QUEUE_URL",
            "REPORTS_QUEUE_URL",
            "STAGE",
        ];
        assert_eq!(names, expected);
    }
}
