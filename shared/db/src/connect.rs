//! How connections are made: URL, TLS, IAM tokens, pool.

use crate::{Error, Result};
use aws_credential_types::provider::SharedCredentialsProvider;
use deadpool_postgres::{Connect, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use domain::QueueName;
use std::{future::Future, path::PathBuf, pin::Pin, sync::Arc, time::Duration};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config as PgConfig, NoTls, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How to reach the database.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// `postgres://user:password@host:port/database?sslmode=…`
    pub url: String,
    /// Connections at most. A Lambda serves one request at a time: 1.
    pub pool_size: usize,
    /// PEM file of the roots that the server's certificate is checked against; the system's when unset.
    pub ca_file: Option<PathBuf>,
    /// Log in with an RDS IAM token instead of a password.
    pub iam: Option<IamAuth>,
    /// Queues that are served by SQS: their outbox rows are born claimed by the request that publishes them.
    pub remote_queues: Vec<QueueName>,
}

/// RDS IAM authentication: a signed URL takes the password's place.
#[derive(Clone, Debug)]
pub struct IamAuth {
    /// The database's region.
    pub region: String,
    /// Whose signature.
    pub credentials: SharedCredentialsProvider,
}

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) fn pg_config(config: &Config) -> Result<PgConfig> {
    let mut pg: PgConfig =
        config.url.parse().map_err(|_| Error::Internal("DATABASE_URL is not a postgres:// URL".into()))?;
    pg.connect_timeout(CONNECT_TIMEOUT).application_name("gogotime");
    if config.iam.is_some() {
        pg.ssl_mode(SslMode::Require); // a token is as good as a password
    }
    Ok(pg)
}

pub(crate) fn pool(config: &Config) -> Result<Pool> {
    let manager = Manager::from_connect(
        pg_config(config)?,
        Connector { ca_file: config.ca_file.clone(), iam: config.iam.clone() },
        // `Clean` would send DISCARD: a round trip per request, and it pins an RDS Proxy.
        ManagerConfig { recycling_method: RecyclingMethod::Fast },
    );
    Pool::builder(manager)
        .max_size(config.pool_size.max(1))
        .wait_timeout(Some(CONNECT_TIMEOUT))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|e| Error::Internal(e.to_string()))
}

pub(crate) struct Connector {
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) iam: Option<IamAuth>,
}

impl Connector {
    /// One connection and the task that drives it.
    pub(crate) async fn open(
        &self,
        pg: &PgConfig,
    ) -> Result<(Client, JoinHandle<()>), tokio_postgres::Error> {
        let mut pg = pg.clone();
        if let Some(iam) = &self.iam {
            pg.password(iam_token(iam, &pg).await.unwrap_or_default());
        }
        if pg.get_ssl_mode() == SslMode::Disable {
            let (client, connection) = pg.connect(NoTls).await?;
            return Ok((client, drive(connection)));
        }
        let (client, connection) = pg.connect(MakeRustlsConnect::new(self.tls())).await?;
        Ok((client, drive(connection)))
    }

    fn tls(&self) -> rustls::ClientConfig {
        let mut roots = rustls::RootCertStore::empty();
        match &self.ca_file {
            Some(path) => {
                use rustls::pki_types::{CertificateDer, pem::PemObject};
                match CertificateDer::pem_file_iter(path) {
                    Ok(found) => drop(roots.add_parsable_certificates(found.flatten())),
                    Err(error) => {
                        tracing::error!(path = %path.display(), %error, "DATABASE_CA_FILE cannot be read");
                    }
                }
            }
            None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider);
        // The provider supports the default versions, so this cannot fail; if it ever did, no TLS is no connection.
        match builder.with_safe_default_protocol_versions() {
            Ok(builder) => builder.with_root_certificates(roots).with_no_client_auth(),
            Err(_) => rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the driver of a connection lives as long as the connection")]
fn drive(
    connection: impl Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "database connection ended");
        }
    })
}

impl Connect for Connector {
    fn connect(
        &self,
        pg: &PgConfig,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), tokio_postgres::Error>> + Send + '_>>
    {
        let pg = pg.clone();
        Box::pin(async move { self.open(&pg).await })
    }
}

/// The token: a presigned request to `rds-db:connect`, good for 15 minutes and needed only to connect.
async fn iam_token(iam: &IamAuth, pg: &PgConfig) -> Option<String> {
    use aws_credential_types::provider::ProvideCredentials;
    use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
    use aws_sigv4::sign::v4;

    let host = match pg.get_hosts().first()? {
        tokio_postgres::config::Host::Tcp(host) => host.clone(),
        #[cfg(unix)]
        tokio_postgres::config::Host::Unix(_) => return None,
    };
    let port = pg.get_ports().first().copied().unwrap_or(5432);
    let user = pg.get_user()?;
    let identity = iam
        .credentials
        .provide_credentials()
        .await
        .inspect_err(|error| tracing::error!(%error, "no AWS credentials for the database token"))
        .ok()?
        .into();
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(900));
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&iam.region)
        .name("rds-db")
        .time(std::time::SystemTime::now())
        .settings(settings)
        .build()
        .ok()?
        .into();
    let mut url = url::Url::parse(&format!("https://{host}:{port}/")).ok()?;
    url.query_pairs_mut().append_pair("Action", "connect").append_pair("DBUser", user);
    let request =
        SignableRequest::new("GET", url.as_str(), std::iter::empty(), SignableBody::Bytes(&[])).ok()?;
    let (instructions, _) = sign(request, &params).ok()?.into_parts();
    for (name, value) in instructions.params() {
        url.query_pairs_mut().append_pair(name, value);
    }
    Some(url.as_str().strip_prefix("https://")?.to_owned())
}
