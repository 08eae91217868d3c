//! The process environment, and files of `KEY=VALUE` lines (`.env`, `target/dev/env`, the secrets).

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Variables by name.
pub(crate) type Vars = BTreeMap<String, String>;

/// One variable of ours.
pub(crate) fn get(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// All of them that are text.
pub(crate) fn all() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Reads `KEY=VALUE` lines; blank lines and `#` comments are skipped, quotes around a value are taken off.
pub(crate) fn parse(text: &str) -> Vars {
    let line = |line: &str| {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=').filter(|_| !line.starts_with('#'))?;
        let value = value.trim();
        let unquoted = ['"', '\''].iter().find_map(|q| value.strip_prefix(*q)?.strip_suffix(*q));
        Some((name.trim().to_owned(), unquoted.unwrap_or(value).to_owned()))
    };
    text.lines().filter_map(line).collect()
}

/// The same from a file; no file, no variables.
pub(crate) fn read(path: &Path) -> Vars {
    parse(&fs::read_to_string(path).unwrap_or_default())
}

/// Writes a file that only its owner reads.
pub(crate) fn write(path: &Path, comment: &str, vars: &Vars) -> Result<()> {
    let open = || fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let mut file = open().with_context(|| format!("cannot write {}", path.display()))?;
    writeln!(file, "# {comment}")?;
    for (name, value) in vars {
        let quote = if value.contains([' ', '<', '>', '&', '#']) { "'" } else { "" };
        writeln!(file, "{name}={quote}{value}{quote}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_file_of_variables_is_read_as_shells_do() {
        let vars = super::parse("# A=0\n\nA=1\nexport B = \"two words\"\nC='x=y'\nD=");
        let pairs: Vec<_> = vars.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(pairs, [("A", "1"), ("B", "two words"), ("C", "x=y"), ("D", "")]);
    }
}
