//! How the shared cache is reached, and what it may cost.

use crate::Auth;
use std::{io, path::PathBuf, time::Duration};

/// How to reach the shared cache.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `redis://host:port` or `rediss://host:port`.
    pub url: String,
    /// PEM file of the roots that its certificate is checked against; the system's when unset.
    pub ca_file: Option<PathBuf>,
    /// How to log in.
    pub auth: Auth,
    /// Lives and limits.
    pub limits: Limits,
}

/// How long things live, and what a request may lose to the cache.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long the process holds an answer. Never wrong after that either; only not worth its memory.
    pub memory: Duration,
    /// How long the shared cache holds one; up to a tenth of it, at random, less, so that not all end at once.
    pub shared: Duration,
    /// How long a computation may take before somebody else begins it too.
    pub lease: Duration,
    /// How long a request waits for somebody else's computation. Longer than a lease, so that somebody takes over
    /// from a holder that died; far below the 29 s of a function.
    pub wait: Duration,
    /// What one command may cost a request, waiting for a connection included.
    pub command: Duration,
    /// What counts as a failure although it was answered: computing a report takes as long. Not for values of more than
    /// 128 KiB, which take their time on the network of a small function and are as slow to compute.
    pub slow: Duration,
    /// After how much a connection that is being made is given up. No request waits for it that long
    /// ([`Limits::command`]); the next one finds it made.
    pub connect: Duration,
    /// How long a cache that failed twice in a row is left alone before one look-up tries again.
    pub open: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: Duration::from_secs(60),
            shared: Duration::from_secs(24 * 3600),
            lease: Duration::from_secs(5),
            wait: Duration::from_secs(8),
            command: Duration::from_millis(40),
            slow: Duration::from_millis(20),
            connect: Duration::from_secs(1),
            open: Duration::from_secs(2),
        }
    }
}

/// Settings that no cache can be reached with.
#[derive(Debug, thiserror::Error)]
pub enum BadSettings {
    /// The URL is not one of `redis://…`, `rediss://…`.
    #[error("CACHE_URL must be redis://host:port, rediss://host:port or memory")]
    Url,
    /// A token would be sent in the clear.
    #[error("CACHE_AUTH=iam needs TLS: an address that begins with rediss://")]
    NoTls,
    /// There is nothing to check against [`Settings::ca_file`].
    #[error("CACHE_CA_FILE is for TLS: the address must begin with rediss://")]
    NoCertificate,
    /// [`Settings::ca_file`] cannot be read.
    #[error("CACHE_CA_FILE={path}: {error}", path = path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// [`Settings::ca_file`] holds no certificates.
    #[error("CACHE_CA_FILE={path}: no certificates in PEM form", path = path.display())]
    Roots {
        /// The file.
        path: PathBuf,
    },
}
