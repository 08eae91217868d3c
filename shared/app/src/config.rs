//! The configuration: every variable of `.env.example`, read here and nowhere else.
//!
//! An integration that is not configured has a fallback, which is said once at start. A deployed stage
//! does not start on a fallback unless the variable names it (`memory`, `postgres`, `off`, `file://…`).

use domain::QueueName;
use std::{fmt, fs, io, path::PathBuf, time::Duration};

/// Where this runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A developer's machine or a test: fallbacks are welcome.
    Local,
    /// Deployed.
    Deployed,
}

/// How the database is reached.
#[derive(Clone)]
pub struct Database {
    /// `postgres://…`
    pub url: String,
    /// Log in with an IAM token.
    pub iam: bool,
    /// `DATABASE_POOL_SIZE`.
    pub pool_size: usize,
    /// `DATABASE_CA_FILE`.
    pub ca_file: Option<PathBuf>,
}

/// Which cache.
#[derive(Clone)]
pub enum Cache {
    /// In the process.
    Memory,
    /// Valkey or Redis.
    Shared {
        /// Where it is.
        at: CacheAddress,
        /// With `CACHE_AUTH=iam`: as whom and to which cache to log in.
        iam: Option<CacheLogin>,
        /// `CACHE_CA_FILE`.
        ca_file: Option<PathBuf>,
    },
}

/// Where a shared cache is.
#[derive(Clone)]
pub enum CacheAddress {
    /// `CACHE_URL`.
    Url(String),
    /// `CACHE_NAME`: the endpoint is asked for while the function starts.
    Name(String),
}

/// What a token for a cache is made for.
#[derive(Clone)]
pub struct CacheLogin {
    /// `CACHE_USER`.
    pub user: String,
    /// `CACHE_NAME`.
    pub cache: String,
}

/// Everything a function may be told.
#[derive(Clone)]
pub struct Config {
    /// `STAGE`.
    pub stage: Stage,
    /// `LOG_LEVEL`.
    pub log_level: String,
    /// `DATABASE_*`; absent in the one function that has no database (`queue-push`).
    pub database: Option<Database>,
    /// `CACHE_*`.
    pub cache: Cache,
    /// `*_QUEUE_URL`; none is the PostgreSQL queue.
    pub queues: queue::Urls,
    /// `LIVE_ENDPOINT`; none is off.
    pub live_endpoint: Option<String>,
    /// `LIVE_URL`, as clients are told; none when live is off.
    pub live_url: Option<String>,
    /// `MAIL_URL`.
    pub mail_url: String,
    /// `MAIL_FROM`.
    pub mail_from: String,
    /// `EXPORTS_URL`.
    pub exports_url: String,
    /// `FILES_URL`.
    pub files_url: String,
    /// `WEB_URL`, without a slash at the end.
    pub web_url: String,
    /// `CORS_ORIGIN` and the origin of `WEB_URL`: who may open a socket.
    pub origins: Vec<String>,
    /// `JWT_KEY`.
    pub jwt_key: Vec<u8>,
    /// `LEGACY_TOKENS`: clients that do not say that they refresh get the first product's long tokens.
    pub legacy_tokens: bool,
    /// `AWS_REGION`.
    pub region: String,
    /// `AWS_ENDPOINT_URL`.
    pub aws_endpoint: Option<String>,
    /// `AWS_USE_DUALSTACK_ENDPOINT`.
    pub dual_stack: bool,
    /// `RETRY_BASE_MS`: the first wait of a failed message.
    pub retry_base: Duration,
}

/// A variable that is missing or wrong; the text names it and says what would be right.
#[derive(Debug, thiserror::Error)]
#[error("{variable}: {why}")]
pub struct ConfigError {
    variable: &'static str,
    why: String,
}

fn wrong(variable: &'static str, why: impl Into<String>) -> ConfigError {
    ConfigError { variable, why: why.into() }
}

/// Where variables come from: the environment, or a test's map.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Config {
    /// Reads the environment.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads it")]
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(&|name| std::env::var(name).ok())
    }

    /// Reads from `lookup`; an empty value counts as unset.
    pub fn read(lookup: Lookup<'_>) -> Result<Self, ConfigError> {
        let get = |name: &str| lookup(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let stage = match get("STAGE").as_deref() {
            None | Some("local") => Stage::Local,
            Some("dev" | "staging" | "prod") => Stage::Deployed,
            Some(other) => return Err(wrong("STAGE", format!("{other} is not local, dev, staging or prod"))),
        };
        // An unset integration: its fallback locally, an error where it would go unnoticed.
        let unset = |variable: &'static str, explicit: &str| match stage {
            Stage::Local => Ok(()),
            Stage::Deployed => {
                Err(wrong(variable, format!("not set; say {explicit} to run on the fallback on purpose")))
            }
        };

        let cache = match cache(&get)? {
            Some(cache) => cache,
            None => unset("CACHE_URL", "memory").map(|()| Cache::Memory)?,
        };
        let mut queues: queue::Urls = [const { None }; QueueName::ALL.len()];
        for queue in QueueName::ALL {
            let variable = match queue {
                QueueName::Notifications => "NOTIFICATIONS_QUEUE_URL",
                QueueName::Exports => "EXPORTS_QUEUE_URL",
                QueueName::Live => "LIVE_QUEUE_URL",
                QueueName::Push => "PUSH_QUEUE_URL",
                QueueName::Reports => "REPORTS_QUEUE_URL",
            };
            queues[queue as usize] = match get(variable) {
                Some(url) if url == "postgres" => None,
                Some(url) => Some(url),
                // Without a push queue the live function posts itself: a choice, not a loss.
                None if queue == QueueName::Push => None,
                None => unset(variable, "postgres").map(|()| None)?,
            };
        }
        let live_endpoint = match get("LIVE_ENDPOINT") {
            Some(off) if off == "off" => None,
            Some(url) => Some(url),
            None => unset("LIVE_ENDPOINT", "off").map(|()| None)?,
        };
        let live_url = if live_endpoint.is_some() { get("LIVE_URL") } else { None };
        let mail_url = match get("MAIL_URL") {
            Some(url) => url,
            None => unset("MAIL_URL", "file://…").map(|()| local_url("mail"))?,
        };
        let exports_url = match get("EXPORTS_URL") {
            Some(url) => url,
            None => unset("EXPORTS_URL", "file://…").map(|()| local_url("exports"))?,
        };
        let web_url = get("WEB_URL").unwrap_or_else(|| "http://127.0.0.1:8080".into());
        let mut origins: Vec<String> = get("CORS_ORIGIN")
            .iter()
            .flat_map(|list| list.split(','))
            .map(|origin| origin.trim().trim_end_matches('/').to_owned())
            .filter(|origin| !origin.is_empty())
            .collect();
        let web = url::Url::parse(&web_url).map_err(|e| wrong("WEB_URL", e.to_string()))?;
        origins.push(web.origin().ascii_serialization());
        let legacy_tokens = match get("LEGACY_TOKENS").as_deref() {
            None | Some("on") => true,
            Some("off") => false,
            Some(other) => return Err(wrong("LEGACY_TOKENS", format!("{other} is not on or off"))),
        };
        let retry_base = match get("RETRY_BASE_MS") {
            Some(ms) => ms.parse().map_err(|_| wrong("RETRY_BASE_MS", "milliseconds are wanted"))?,
            None => 5000,
        };
        Ok(Self {
            stage,
            log_level: get("LOG_LEVEL").unwrap_or_else(|| "info".into()).to_lowercase(),
            database: database(&get)?,
            cache,
            queues,
            live_endpoint,
            live_url,
            mail_url,
            mail_from: get("MAIL_FROM").unwrap_or_else(|| "GoGoTime <no-reply@gogotime.example>".into()),
            exports_url,
            files_url: get("FILES_URL").unwrap_or_else(|| "http://127.0.0.1:8080/files".into()),
            web_url: web_url.trim_end_matches('/').to_owned(),
            origins,
            jwt_key: jwt_key(get("JWT_KEY"), stage)?,
            legacy_tokens,
            region: get("AWS_REGION").unwrap_or_else(|| "us-east-1".into()),
            aws_endpoint: get("AWS_ENDPOINT_URL"),
            dual_stack: get("AWS_USE_DUALSTACK_ENDPOINT").is_some_and(|v| v == "true"),
            retry_base: Duration::from_millis(retry_base),
        })
    }

    /// What is lost by running on fallbacks, a sentence each.
    pub fn fallbacks(&self) -> Vec<&'static str> {
        let mut lost = Vec::new();
        if matches!(self.cache, Cache::Memory) {
            lost.push("no cache configured: every process keeps its own reports and computes them once more");
        }
        let postgres = |queue: QueueName| queue != QueueName::Push && self.queues[queue as usize].is_none();
        if QueueName::ALL.into_iter().any(postgres) {
            lost.push("no SQS configured: the outbox table is the queue, and something must pump it");
        }
        if self.live_endpoint.is_none() {
            lost.push("no WebSocket configured: dashboards poll");
        }
        lost
    }
}

/// None if nothing says which.
fn cache(get: Lookup<'_>) -> Result<Option<Cache>, ConfigError> {
    let name = get("CACHE_NAME");
    let at = match (get("CACHE_URL"), &name) {
        (Some(url), _) if url == "memory" => return Ok(Some(Cache::Memory)),
        (Some(url), _) => CacheAddress::Url(url),
        (None, Some(name)) => CacheAddress::Name(name.clone()),
        (None, None) => return Ok(None),
    };
    let iam = match get("CACHE_AUTH").as_deref() {
        None | Some("url") => None,
        Some("iam") => {
            if matches!(&at, CacheAddress::Url(url) if !url.starts_with("rediss://")) {
                return Err(wrong("CACHE_URL", "CACHE_AUTH=iam needs TLS: rediss://host:port"));
            }
            let needed = |variable| wrong(variable, "not set; CACHE_AUTH=iam needs it to sign its tokens");
            let user = get("CACHE_USER").ok_or_else(|| needed("CACHE_USER"))?;
            Some(CacheLogin { user, cache: name.ok_or_else(|| needed("CACHE_NAME"))? })
        }
        Some(other) => return Err(wrong("CACHE_AUTH", format!("{other} is not iam or url"))),
    };
    Ok(Some(Cache::Shared { at, iam, ca_file: get("CACHE_CA_FILE").map(Into::into) }))
}

fn database(get: Lookup<'_>) -> Result<Option<Database>, ConfigError> {
    let iam = match get("DATABASE_AUTH").as_deref() {
        Some("iam") => true,
        None | Some("password") => false,
        Some(other) => return Err(wrong("DATABASE_AUTH", format!("{other} is not iam or password"))),
    };
    let url = match (get("DATABASE_URL"), get("DATABASE_HOST")) {
        (Some(url), _) => url,
        (None, None) => return Ok(None),
        (None, Some(host)) => {
            let mut url =
                url::Url::parse("postgres://host").map_err(|e| wrong("DATABASE_HOST", e.to_string()))?;
            let bad = |variable| move |()| wrong(variable, "not usable in a URL");
            url.set_host(Some(&host)).map_err(|_| wrong("DATABASE_HOST", "not a host name"))?;
            if let Some(port) = get("DATABASE_PORT") {
                let port = port.parse().map_err(|_| wrong("DATABASE_PORT", "a port number is wanted"))?;
                url.set_port(Some(port)).map_err(bad("DATABASE_PORT"))?;
            }
            url.set_path(&get("DATABASE_NAME").unwrap_or_else(|| "gogotime".into()));
            let user = get("DATABASE_USER").ok_or_else(|| wrong("DATABASE_USER", "not set"))?;
            url.set_username(&user).map_err(bad("DATABASE_USER"))?;
            url.set_password(get("DATABASE_PASSWORD").as_deref()).map_err(bad("DATABASE_PASSWORD"))?;
            url.set_query(Some("sslmode=require"));
            url.into()
        }
    };
    let pool_size = match get("DATABASE_POOL_SIZE") {
        Some(n) => n.parse().map_err(|_| wrong("DATABASE_POOL_SIZE", "a number is wanted"))?,
        None => 1,
    };
    Ok(Some(Database { url, iam, pool_size, ca_file: get("DATABASE_CA_FILE").map(Into::into) }))
}

/// A folder under `target/dev` of the working directory, where the fallbacks write.
fn local_url(folder: &str) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    format!("file://{}", here.join("target/dev").join(folder).display())
}

/// The configured key, or on a developer's machine one that all functions share through a file.
fn jwt_key(configured: Option<String>, stage: Stage) -> Result<Vec<u8>, ConfigError> {
    const VARIABLE: &str = "JWT_KEY";
    let key = match (configured, stage) {
        (Some(key), _) => key.into_bytes(),
        (None, Stage::Deployed) => {
            return Err(wrong(VARIABLE, "not set; a deployed stage makes no key of its own"));
        }
        (None, Stage::Local) => {
            let path = std::path::Path::new("target/dev/jwt.key");
            shared_key(path).map_err(|e| {
                wrong(VARIABLE, format!("not set, and {} cannot be made: {e}", path.display()))
            })?
        }
    };
    if key.len() < 32 {
        return Err(wrong(VARIABLE, "at least 32 bytes are needed"));
    }
    Ok(key)
}

fn shared_key(path: &std::path::Path) -> io::Result<Vec<u8>> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Made whole under another name, then linked: of several functions that start at once, one wins.
    let own = path.with_extension(format!("{}.tmp", std::process::id()));
    fs::write(&own, format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple()))?;
    let linked = fs::hard_link(&own, path);
    fs::remove_file(&own)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::read(path),
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nearly every field can hold a secret.
        f.debug_struct("Config").field("stage", &self.stage).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let key = ("JWT_KEY", "0123456789abcdef0123456789abcdef");
        let all: std::collections::HashMap<_, _> = variables.iter().copied().chain([key]).collect();
        Config::read(&|name| all.get(name).map(|v| (*v).to_owned()))
    }

    #[test]
    fn nothing_is_needed_on_a_developers_machine() {
        let config = read(&[]).unwrap();
        assert_eq!(config.fallbacks().len(), 3);
        assert!(config.mail_url.starts_with("file:///"));
    }

    #[test]
    fn a_deployed_stage_refuses_silent_fallbacks_but_takes_named_ones() {
        let deployed = ("STAGE", "prod");
        assert!(read(&[deployed]).unwrap_err().to_string().starts_with("CACHE_URL"));
        let named = [
            deployed,
            ("CACHE_URL", "memory"),
            ("NOTIFICATIONS_QUEUE_URL", "postgres"),
            ("EXPORTS_QUEUE_URL", "postgres"),
            ("LIVE_QUEUE_URL", "postgres"),
            ("REPORTS_QUEUE_URL", "postgres"),
            ("LIVE_ENDPOINT", "off"),
            ("MAIL_URL", "file:///mail"),
        ];
        assert!(read(&named).unwrap_err().to_string().starts_with("EXPORTS_URL"));
        let all = [&named[..], &[("EXPORTS_URL", "file:///files")]].concat();
        assert!(read(&all).unwrap().live_endpoint.is_none());
        let keyless =
            Config::read(&|name| all.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()));
        assert!(keyless.unwrap_err().to_string().starts_with("JWT_KEY"));
    }

    #[test]
    fn long_tokens_are_on_until_they_are_switched_off() {
        assert!(read(&[]).unwrap().legacy_tokens);
        assert!(!read(&[("LEGACY_TOKENS", "off")]).unwrap().legacy_tokens);
        assert!(read(&[("LEGACY_TOKENS", "no")]).unwrap_err().to_string().starts_with("LEGACY_TOKENS"));
    }

    #[test]
    fn a_token_for_the_cache_needs_tls_a_user_and_a_name() {
        let iam = ("CACHE_AUTH", "iam");
        let (tls, user, name) =
            (("CACHE_URL", "rediss://cache:6379"), ("CACHE_USER", "gogotime"), ("CACHE_NAME", "Reports"));
        let refused = |variables: &[(&str, &str)]| read(variables).unwrap_err().to_string();
        assert!(refused(&[iam, user, name, ("CACHE_URL", "redis://cache:6379")]).starts_with("CACHE_URL"));
        assert!(refused(&[iam, tls, name]).starts_with("CACHE_USER"));
        assert!(refused(&[iam, tls, user]).starts_with("CACHE_NAME"));
        assert!(refused(&[("CACHE_AUTH", "password"), tls]).starts_with("CACHE_AUTH"));
        let Cache::Shared { at, iam: Some(login), .. } = read(&[iam, tls, user, name]).unwrap().cache else {
            panic!("a token is needed");
        };
        assert!(matches!(at, CacheAddress::Url(url) if url == tls.1), "the address wins over the name");
        assert_eq!((login.user.as_str(), login.cache.as_str()), ("gogotime", "Reports"));
        let Cache::Shared { at, iam: None, .. } = read(&[name]).unwrap().cache else {
            panic!("no token is needed");
        };
        assert!(matches!(at, CacheAddress::Name(found) if found == "Reports"));
        assert!(
            matches!(read(&[iam, ("CACHE_URL", "memory")]).unwrap().cache, Cache::Memory),
            "switched off"
        );
    }

    #[test]
    fn a_database_can_be_given_in_parts() {
        let config = read(&[
            ("DATABASE_HOST", "db.example"),
            ("DATABASE_USER", "gogotime_api"),
            ("DATABASE_AUTH", "iam"),
        ]);
        let database = config.unwrap().database.unwrap();
        assert_eq!(database.url, "postgres://gogotime_api@db.example/gogotime?sslmode=require");
        assert!(database.iam);
    }
}
