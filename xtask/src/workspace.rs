//! Where things are: the workspace root and the two folders below `target/` that this tool owns.

use anyhow::{Context, Result};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// The workspace root.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Cargo's output folder.
pub(crate) fn target() -> PathBuf {
    crate::env::get("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// State of the local services: databases, mails, exports, logs.
pub(crate) fn dev_dir() -> Result<PathBuf> {
    made(target().join("dev"))
}

/// Programs installed for this workspace alone.
pub(crate) fn tools_dir() -> Result<PathBuf> {
    made(target().join("tools"))
}

/// A log of something that runs out of view.
pub(crate) fn log_file(name: &str) -> Result<PathBuf> {
    Ok(made(target().join("dev/logs"))?.join(format!("{name}.log")))
}

fn made(dir: PathBuf) -> Result<PathBuf> {
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    Ok(dir)
}

/// A short fingerprint; for caches, not for secrets.
pub(crate) fn fingerprint(parts: &[&[u8]]) -> String {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Remembers in a file that something was made from certain inputs, so that it is not made again.
pub(crate) struct Stamp {
    path: PathBuf,
    value: String,
}

impl Stamp {
    /// A stamp at `path` for inputs of this fingerprint.
    pub(crate) fn new(path: PathBuf, value: String) -> Self {
        Self { path, value }
    }

    /// Whether it was made from the same inputs.
    pub(crate) fn fresh(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|found| found == self.value)
    }

    /// It has just been made.
    pub(crate) fn set(&self) -> Result<()> {
        fs::write(&self.path, &self.value).with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// Every file below `dir`, sorted, without the folders that hold other people's or generated files.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if !path.is_dir() {
                found.push(path);
            } else if !["target", "node_modules", "dist", ".git"].iter().any(|skip| name == *skip) {
                dirs.push(path);
            }
        }
    }
    found.sort();
    found
}
