//! One connection for all, made anew when it is lost – with a fresh token, if it needs one.
//!
//! It is made by a task of its own: many may wait for it at once, each as long as it likes, and whoever stops waiting
//! does not stop it. If the process is frozen meanwhile, it is finished or has failed when the process goes on.

use crate::{Auth, BadSettings, Settings, auth::Iam};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo, RedisError,
    RedisResult, TlsCertificates, aio::MultiplexedConnection,
};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, time::timeout};

pub(crate) struct Connector {
    client: Client,
    iam: Option<Iam>,
    limit: Duration,
    slot: Mutex<Slot>,
}

#[derive(Default)]
struct Slot {
    generation: u64,
    /// Under way, made, or failed.
    attempt: Option<Attempt>,
}

type Attempt = watch::Receiver<Option<RedisResult<MultiplexedConnection>>>;

/// A connection, and which one: who finds it broken says so by its number.
pub(crate) struct Connected {
    pub(crate) connection: MultiplexedConnection,
    pub(crate) generation: u64,
}

impl Connector {
    pub(crate) fn new(settings: Settings) -> Result<Self, BadSettings> {
        let info = settings.url.as_str().into_connection_info().map_err(|_| BadSettings::Url)?;
        let tls = matches!(info.addr(), ConnectionAddr::TcpTls { .. });
        let iam = match settings.auth {
            Auth::Url => None,
            Auth::Iam(_) if !tls => return Err(BadSettings::NoTls),
            Auth::Iam(iam) => Some(iam),
        };
        let login = info.redis_settings().clone().set_skip_set_lib_name();
        let info = info.set_redis_settings(login);
        let client = match settings.ca_file {
            None => Client::open(info).map_err(|_| BadSettings::Url)?,
            Some(_) if !tls => return Err(BadSettings::NoCertificate),
            Some(path) => {
                let roots = match std::fs::read(&path) {
                    Ok(pem) if pem.windows(PEM.len()).any(|part| part == PEM) => pem,
                    Ok(_) => return Err(BadSettings::Roots { path }),
                    Err(error) => return Err(BadSettings::CaFile { path, error }),
                };
                let certificates = TlsCertificates { client_tls: None, root_cert: Some(roots) };
                Client::build_with_tls(info, certificates).map_err(|_| BadSettings::Roots { path })?
            }
        };
        Ok(Self { client, iam, limit: settings.limits.connect, slot: Mutex::default() })
    }

    /// The connection, made if there is none. All who wait for one that fails learn it together.
    pub(crate) async fn get(&self) -> RedisResult<Connected> {
        let (generation, mut attempt) = self.attempt();
        let done = match attempt.wait_for(Option::is_some).await {
            Ok(done) => done.clone().unwrap_or_else(|| Err(lost())),
            Err(_) => Err(lost()), // its task is gone
        };
        match done {
            Ok(connection) => Ok(Connected { connection, generation }),
            Err(error) => {
                self.discard(generation);
                Err(error)
            }
        }
    }

    /// Forgets a connection that does not work, unless there already is another.
    pub(crate) fn discard(&self, generation: u64) {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.generation == generation {
            slot.attempt = None;
        }
    }

    fn attempt(&self) -> (u64, Attempt) {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(attempt) = slot.attempt.as_ref().filter(|attempt| !has_failed(attempt)) {
            return (slot.generation, attempt.clone());
        }
        slot.generation += 1;
        let attempt = self.begin();
        slot.attempt = Some(attempt.clone());
        (slot.generation, attempt)
    }

    #[expect(clippy::disallowed_methods, reason = "nothing is lost if it is frozen or never ends")]
    fn begin(&self) -> Attempt {
        let (tell, attempt) = watch::channel(None);
        let (client, iam, limit) = (self.client.clone(), self.iam.clone(), self.limit);
        tokio::spawn(async move {
            let made = timeout(limit, connect(client, iam.as_ref())).await;
            let _ = tell.send(Some(made.unwrap_or_else(|_| Err(late()))));
        });
        attempt
    }
}

/// Not only that it will: nobody waits for it any more, so the next one begins anew.
fn has_failed(attempt: &Attempt) -> bool {
    match &*attempt.borrow() {
        Some(made) => made.is_err(),
        None => attempt.has_changed().is_err(), // its task is gone
    }
}

/// What every certificate in PEM form has.
const PEM: &[u8] = b"-----BEGIN CERTIFICATE-----";

async fn connect(client: Client, iam: Option<&Iam>) -> RedisResult<MultiplexedConnection> {
    // The limits are ours.
    let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    let Some(iam) = iam else {
        return client.get_multiplexed_async_connection_with_config(&config).await;
    };
    let token = iam.token().await.ok_or((ErrorKind::AuthenticationFailed, "no token"))?;
    let info: ConnectionInfo = client.get_connection_info().clone();
    let login = info.redis_settings().clone().set_username(&iam.user).set_password(token);
    // Keeps the roots that the address carries.
    Client::open(info.set_redis_settings(login))?.get_multiplexed_async_connection_with_config(&config).await
}

pub(crate) fn late() -> RedisError {
    RedisError::from((ErrorKind::Io, "no answer in time"))
}

fn lost() -> RedisError {
    RedisError::from((ErrorKind::Io, "the connection was not finished"))
}
