//! The outside services of a function, each made when first used: a function that never sends mail pays
//! neither start-up time nor memory nor bytes for it.

use crate::{Caller, Jwt, config, config::Config, runtime};
use aws_config::{BehaviorVersion, Region, SdkConfig, environment::EnvironmentVariableCredentialsProvider};
use aws_credential_types::provider::SharedCredentialsProvider;
use cache::Cache;
use chrono::{DateTime, Utc};
use db::Db;
use domain::{QueueName, SessionId};
use files::Files;
use live::Poster;
use mail::{MailError, Mailer};
use moka::sync::Cache as Memory;
use queue::Queues;
use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};
use telemetry::Metric;
use tokio::sync::OnceCell;

/// How long a session and its permissions are believed before they are read again: a revocation or a
/// suspension is in force everywhere after this (the limit is 60 s).
const CALLER_TTL: Duration = Duration::from_secs(30);

/// What a handler works with. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    started: Instant,
    config: Config,
    db: Db,
    queues: OnceLock<Queues>,
    cache: OnceCell<Cache>,
    files: OnceLock<Files>,
    mail: OnceLock<Mailer>,
    live: OnceLock<Poster>,
    aws: OnceLock<SdkConfig>,
    jwt: Jwt,
    callers: OnceLock<Memory<SessionId, Arc<Caller>>>,
}

impl App {
    /// The services as configured; nothing is connected yet.
    pub fn new(config: Config) -> db::Result<Self> {
        let jwt = Jwt::new(&config.jwt_key);
        let db = match database(&config) {
            Some(database) => Db::new(&database)?,
            None => Db::unconfigured(),
        };
        Ok(Self(Arc::new(Inner {
            started: Instant::now(),
            config,
            db,
            queues: OnceLock::new(),
            cache: OnceCell::new(),
            files: OnceLock::new(),
            mail: OnceLock::new(),
            live: OnceLock::new(),
            aws: OnceLock::new(),
            jwt,
            callers: OnceLock::new(),
        })))
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Now. Handlers take the time from here, rules take it as an argument.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks")]
    pub fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    /// How long this process lives.
    pub fn uptime(&self) -> Duration {
        self.0.started.elapsed()
    }

    /// Tokens.
    pub fn jwt(&self) -> &Jwt {
        &self.0.jwt
    }

    /// The configuration of AWS clients. Only the environment is asked for credentials: that is where Lambda
    /// puts them, and every other provider would be linked into every function.
    pub fn aws(&self) -> &SdkConfig {
        self.0.aws.get_or_init(|| {
            let config = &self.0.config;
            let mut builder = SdkConfig::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new(config.region.clone()))
                .credentials_provider(credentials())
                .use_dual_stack(config.dual_stack && config.aws_endpoint.is_none());
            builder.set_endpoint_url(config.aws_endpoint.clone());
            builder.build()
        })
    }

    /// The database.
    pub fn db(&self) -> &Db {
        &self.0.db
    }

    /// The queues.
    pub fn queues(&self) -> &Queues {
        self.0
            .queues
            .get_or_init(|| Queues::new(self.0.config.queues.clone(), self.aws().clone(), self.0.db.clone()))
    }

    /// The cache. With only a name configured the first call asks AWS for the endpoint, so a function that
    /// caches makes it before its first request ([`crate::serve_http_after`]).
    pub async fn cache(&self) -> &Cache {
        self.0.cache.get_or_init(|| self.open_cache()).await
    }

    async fn open_cache(&self) -> Cache {
        let config::Cache::Shared { at, iam, ca_file } = &self.0.config.cache else {
            return Cache::memory();
        };
        let found = match at {
            // A replication group that asks for tokens is given by its name.
            config::CacheAddress::Url(url) => cache::Discovered { url: url.clone(), serverless: true },
            config::CacheAddress::Name(name) => match cache::discover(self.aws(), name).await {
                Ok(found) => found,
                Err(error) => {
                    tracing::error!(%error, "the cache was not found; this process keeps its own");
                    return Cache::memory();
                }
            },
        };
        let auth = iam.as_ref().map_or(cache::Auth::Url, |login| {
            cache::Auth::Iam(cache::Iam {
                user: login.user.clone(),
                cache: login.cache.clone(),
                serverless: found.serverless,
                region: Region::new(self.0.config.region.clone()),
                credentials: credentials(),
            })
        });
        let settings =
            cache::Settings { url: found.url, ca_file: ca_file.clone(), auth, ..cache::Settings::default() };
        Cache::redis(settings).unwrap_or_else(|error| {
            tracing::error!(%error, "no cache; this process keeps its own");
            Cache::memory()
        })
    }

    /// The exports' files.
    pub fn files(&self) -> files::Result<&Files> {
        if let Some(files) = self.0.files.get() {
            return Ok(files);
        }
        let config = &self.0.config;
        let files = Files::open(files::Settings {
            url: &config.exports_url,
            aws_endpoint: config.aws_endpoint.as_deref(),
            public_base: &config.files_url,
            secret: &config.jwt_key,
        })?;
        Ok(self.0.files.get_or_init(|| files))
    }

    /// E-mail.
    pub fn mail(&self) -> Result<&Mailer, MailError> {
        if let Some(mail) = self.0.mail.get() {
            return Ok(mail);
        }
        let config = &self.0.config;
        let mail = Mailer::open(&config.mail_url, &config.mail_from, Some(self.aws()))?;
        Ok(self.0.mail.get_or_init(|| mail))
    }

    /// Posting to sockets.
    pub fn live(&self) -> &Poster {
        self.0.live.get_or_init(|| match &self.0.config.live_endpoint {
            Some(endpoint) => Poster::api_gateway(self.aws(), endpoint),
            None => Poster::Off,
        })
    }

    /// Commits, then sends the recorded events to SQS. From the commit on this cannot fail: what was not
    /// sent stays in the outbox for the relay.
    pub async fn commit(&self, tx: impl db::Commit) -> db::Result<()> {
        let committed = tx.commit(&runtime::trace()).await?;
        if !committed.remote.is_empty() {
            self.publish(&committed).await;
        }
        Ok(())
    }

    /// Commits a transaction that records no events. Functions that use only this are built without the SQS
    /// client, a third of their size.
    pub async fn commit_without_events(&self, tx: impl db::Commit) -> db::Result<()> {
        let committed = tx.commit(&runtime::trace()).await?;
        debug_assert!(committed.remote.is_empty(), "these events would wait for the relay: use `commit`");
        Ok(())
    }

    async fn publish(&self, committed: &db::Committed) {
        let sent = match self.queues().publish(&committed.remote).await {
            Ok(sent) => sent,
            Err(error) => {
                tracing::warn!(%error, messages = committed.remote.len(), "not sent to SQS; the relay will do it");
                return;
            }
        };
        for (queue, message) in &committed.remote {
            if sent.contains(&message.id) {
                telemetry::add(Metric::OutboxPublished, &[queue.as_str(), "request"], 1);
            }
        }
        // If this fails, the relay sends these once more and the consumers recognise them.
        let companies: Vec<_> = committed.remote.iter().map(|(_, message)| message.company_id).collect();
        let deleted = async {
            match companies.first() {
                Some(Some(company)) if companies.iter().all(|c| c.as_ref() == Some(company)) => {
                    let tx = self.db().tenant(*company).await?;
                    db::outbox::published(&tx, &sent).await?;
                    tx.commit(&runtime::trace()).await.map(drop)
                }
                _ => {
                    let tx = self.db().system().await?;
                    db::outbox::published(&tx, &sent).await?;
                    tx.commit(&runtime::trace()).await.map(drop)
                }
            }
        };
        if let Err(error) = deleted.await {
            tracing::warn!(%error, "sent messages stay in the outbox; they will be sent again");
        }
    }

    pub(crate) fn callers(&self) -> &Memory<SessionId, Arc<Caller>> {
        self.0.callers.get_or_init(|| Memory::builder().max_capacity(10_000).time_to_live(CALLER_TTL).build())
    }

    /// Forgets what this process believes of a session, at log-out.
    pub fn forget_session(&self, session: SessionId) {
        self.callers().invalidate(&session);
    }
}

/// The database's part of the configuration, for the pool and for migrations.
pub fn database(config: &Config) -> Option<db::Config> {
    let database = config.database.as_ref()?;
    let remote = |queue: &QueueName| config.queues[*queue as usize].is_some();
    Some(db::Config {
        url: database.url.clone(),
        pool_size: database.pool_size,
        ca_file: database.ca_file.clone(),
        iam: database.iam.then(|| db::IamAuth { region: config.region.clone(), credentials: credentials() }),
        remote_queues: QueueName::ALL.into_iter().filter(remote).collect(),
    })
}

fn credentials() -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new())
}
