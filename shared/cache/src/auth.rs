//! Logging in to the shared cache. ElastiCache takes a signed URL for a password: it is made for each connection,
//! lives 15 minutes, and is needed only to connect.

use aws_config::Region;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign},
    sign::v4,
};
use std::time::{Duration, SystemTime};

/// How to log in.
#[derive(Clone, Debug, Default)]
pub enum Auth {
    /// As the URL says: with its password, or without one.
    #[default]
    Url,
    /// With an IAM token; TLS only.
    Iam(Iam),
}

/// Whose token, and for what.
#[derive(Clone, Debug)]
pub struct Iam {
    /// The ElastiCache user, which is also the name to log in with.
    pub user: String,
    /// The cache's name.
    pub cache: String,
    /// Whether it is a serverless cache, or else a replication group.
    pub serverless: bool,
    /// Its region.
    pub region: Region,
    /// Whose signature.
    pub credentials: SharedCredentialsProvider,
}

/// Seconds that a token lives.
const LIFETIME: Duration = Duration::from_secs(900);

impl Iam {
    /// A token, or none without credentials.
    pub(crate) async fn token(&self) -> Option<String> {
        let identity = self
            .credentials
            .provide_credentials()
            .await
            .inspect_err(|error| tracing::error!(%error, "no AWS credentials for the cache's token"))
            .ok()?
            .into();
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(LIFETIME);
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region.as_ref())
            .name("elasticache")
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .ok()?
            .into();
        // The cache's name stands where a host would; ElastiCache compares it in lower case.
        let mut url = url::Url::parse(&format!("http://{}/", self.cache.to_lowercase())).ok()?;
        url.query_pairs_mut().append_pair("Action", "connect").append_pair("User", &self.user);
        if self.serverless {
            url.query_pairs_mut().append_pair("ResourceType", "ServerlessCache");
        }
        let request =
            SignableRequest::new("GET", url.as_str(), std::iter::empty(), SignableBody::Bytes(&[])).ok()?;
        let (instructions, _) = sign(request, &params).ok()?.into_parts();
        for (name, value) in instructions.params() {
            url.query_pairs_mut().append_pair(name, value);
        }
        Some(url.as_str().strip_prefix("http://")?.to_owned())
    }
}
