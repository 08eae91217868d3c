//! Files that are too large for a reply: written as a stream, fetched by a short-lived link. `EXPORTS_URL` says
//! where they are: `s3://bucket/prefix` or `file:///dir`. The only crate that knows `object_store`.

mod link;
mod writer;

pub use link::{content_disposition, verify_link};
pub use writer::{Writer, Written};

use chrono::{DateTime, Utc};
use link::SignedLinks;
use object_store::{
    ObjectStore, ObjectStoreExt, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    local::LocalFileSystem,
    path::Path,
    signer::{Method, SignedUrlOptions, Signer},
};
use std::{sync::Arc, time::Duration};
use url::Url;

/// What can go wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting is wrong; the text names the variable.
    #[error("{0}")]
    Setting(String),
    /// Not a path or a file name that is allowed here.
    #[error("{0:?} is not an allowed path")]
    Path(String),
    /// The store did not do it.
    #[error("object store: {0}")]
    Store(#[from] object_store::Error),
    /// Bytes did not get through to the store.
    #[error("object store: {0}")]
    Stream(#[from] std::io::Error),
}

/// The result of everything here.
pub type Result<T> = std::result::Result<T, Error>;

/// Where files are and how links to them are made; all of it from the configuration.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// `EXPORTS_URL`: `s3://bucket/prefix` or `file:///dir`.
    pub url: &'a str,
    /// `AWS_ENDPOINT_URL`, when an emulator stands for S3.
    pub aws_endpoint: Option<&'a str>,
    /// `FILES_URL`: the public base of links to `file://` files.
    pub public_base: &'a str,
    /// The key that signs links to `file://` files (`JWT_KEY`; the signature is bound to this purpose).
    pub secret: &'a [u8],
}

/// A place for files. Cheap to clone.
#[derive(Clone)]
pub struct Files {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    links: Links,
}

#[derive(Clone)]
enum Links {
    /// Presigned by S3's own credentials.
    S3(AmazonS3),
    /// Signed by us, checked by whoever serves them ([`verify_link`]).
    Signed(SignedLinks),
}

impl Files {
    /// Opens no connection; `file://` makes the directory. S3 takes region and credentials from the `AWS_*`
    /// variables, as Lambda sets them.
    pub fn open(settings: Settings<'_>) -> Result<Self> {
        let url = Url::parse(settings.url).map_err(|_| Error::Setting("EXPORTS_URL is not a URL".into()))?;
        match url.scheme() {
            "s3" => {
                let bucket = url.host_str().filter(|host| !host.is_empty());
                let bucket =
                    bucket.ok_or_else(|| Error::Setting("EXPORTS_URL: s3:// names no bucket".into()))?;
                let prefix = Path::from_url_path(url.path()).map_err(|_| Error::Path(url.path().into()))?;
                // Shorter than a lease: an upload that cannot get through is given up while it is still ours.
                let retry = RetryConfig {
                    max_retries: 5,
                    retry_timeout: Duration::from_secs(30),
                    ..Default::default()
                };
                let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry);
                if let Some(endpoint) = settings.aws_endpoint {
                    builder =
                        builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
                }
                let s3 = builder.build()?;
                Ok(Self { store: Arc::new(s3.clone()), prefix, links: Links::S3(s3) })
            }
            "file" => {
                let setting = |what: &str| Error::Setting(format!("EXPORTS_URL: {what}"));
                let directory = url.to_file_path().map_err(|()| setting("file:// needs an absolute path"))?;
                std::fs::create_dir_all(&directory).map_err(|e| setting(&e.to_string()))?;
                let store = LocalFileSystem::new_with_prefix(&directory)?;
                let links = Links::Signed(SignedLinks::new(settings.public_base, settings.secret)?);
                Ok(Self { store: Arc::new(store), prefix: Path::default(), links })
            }
            other => Err(Error::Setting(format!("EXPORTS_URL: unknown scheme {other}://"))),
        }
    }

    /// `s3` or `file`, for the health report.
    pub fn mode(&self) -> &'static str {
        match self.links {
            Links::S3(_) => "s3",
            Links::Signed(_) => "file",
        }
    }

    /// Begins a file. It appears at `path` only when [`Writer::finish`] succeeds; an older one is replaced then.
    pub fn writer(&self, path: &str) -> Result<Writer> {
        Ok(Writer::new(Arc::clone(&self.store), self.locate(path)?))
    }

    /// Removes a file; one that is not there is fine.
    pub async fn delete(&self, path: &str) -> Result<()> {
        match self.store.delete(&self.locate(path)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A link that downloads the file as `filename` for `ttl` from `now`. Whoever has it can fetch the file, so
    /// permission is checked before it is made. Does not look whether the file exists.
    pub async fn link(&self, path: &str, filename: &str, ttl: Duration, now: DateTime<Utc>) -> Result<Url> {
        if !link::is_safe_name(filename) {
            return Err(Error::Path(filename.into()));
        }
        match &self.links {
            Links::S3(s3) => {
                let disposition = content_disposition(filename);
                let options =
                    SignedUrlOptions::new().with_query([("response-content-disposition", disposition)]);
                Ok(s3.signed_url_opts(Method::GET, &self.locate(path)?, ttl, &options).await?)
            }
            Links::Signed(links) => links.sign(path, filename, ttl, now),
        }
    }

    /// Whether the store answers, for the health report: asks for a file that is not there. To somebody who may not
    /// list the bucket S3 says "denied" instead of "not found"; that is an answer too.
    pub async fn check(&self) -> Result<()> {
        use object_store::Error::{NotFound, PermissionDenied};
        match self.store.head(&self.locate("health")?).await {
            Ok(_) | Err(NotFound { .. } | PermissionDenied { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn locate(&self, path: &str) -> Result<Path> {
        if !link::is_safe_path(path) {
            return Err(Error::Path(path.into()));
        }
        Ok(path.split('/').fold(self.prefix.clone(), Path::join))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(directory: &std::path::Path) -> Files {
        let url = format!("file://{}/new", directory.display());
        let public_base = "http://127.0.0.1:8080/files";
        Files::open(Settings { url: &url, aws_endpoint: None, public_base, secret: b"secret" }).unwrap()
    }

    #[tokio::test]
    async fn a_file_appears_whole_or_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let files = open(directory.path());
        let at = directory.path().join("new/exports/a.csv");

        let mut writer = files.writer("exports/a.csv").unwrap();
        // Several parts, the last one short.
        let chunk = vec![b'x'; 1024 * 1024 + 1];
        for _ in 0..12 {
            writer.write(&chunk).await.unwrap();
        }
        assert!(!at.exists());
        let written = writer.finish().await.unwrap();
        assert_eq!(written.bytes, 12 * (1024 * 1024 + 1));
        assert_eq!(std::fs::metadata(&at).unwrap().len(), written.bytes);
        let mut hash = sha2::Sha256::default();
        sha2::Digest::update(&mut hash, std::fs::read(&at).unwrap());
        assert_eq!(written.sha256, hex::encode(sha2::Digest::finalize(hash)));

        let mut writer = files.writer("exports/b.csv").unwrap();
        for _ in 0..12 {
            writer.write(&chunk).await.unwrap();
        }
        writer.abort().await.unwrap();
        let left: Vec<_> = std::fs::read_dir(directory.path().join("new/exports")).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");

        files.delete("exports/a.csv").await.unwrap();
        files.delete("exports/a.csv").await.unwrap();
        assert!(!at.exists());
        files.check().await.unwrap();
    }

    #[tokio::test]
    async fn no_path_leaves_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let files = open(directory.path());
        for path in [
            "",
            "/etc/passwd",
            "../a",
            "a/../b",
            "a//b",
            "a/./b",
            "a/",
            "a\\b",
            "a%2e",
            "ü",
            ".",
            "a#1",
            "a\n",
        ] {
            assert!(matches!(files.writer(path), Err(Error::Path(_))), "{path:?}");
            assert!(files.delete(path).await.is_err(), "{path:?}");
            assert!(
                files.link(path, "a.csv", Duration::from_secs(1), DateTime::UNIX_EPOCH).await.is_err(),
                "{path:?}"
            );
        }
        assert!(files.link("a", "x\";y", Duration::from_secs(1), DateTime::UNIX_EPOCH).await.is_err());
    }

    #[tokio::test]
    async fn an_s3_link_is_presigned_for_a_download() {
        let builder = AmazonS3Builder::new()
            .with_bucket_name("bucket")
            .with_region("eu-west-1")
            .with_access_key_id("AKIA")
            .with_secret_access_key("hunter2");
        let s3 = builder.build().unwrap();
        let files =
            Files { store: Arc::new(s3.clone()), prefix: Path::from("gogotime/files"), links: Links::S3(s3) };
        let link = files
            .link("exports/a.csv", "time 2026.csv", Duration::from_mins(5), DateTime::UNIX_EPOCH)
            .await
            .unwrap();
        assert_eq!(link.path(), "/bucket/gogotime/files/exports/a.csv");
        let query = |key| link.query_pairs().find(|(k, _)| k == key).unwrap().1.into_owned();
        assert_eq!(query("response-content-disposition"), "attachment; filename=\"time 2026.csv\"");
        assert_eq!(query("X-Amz-Expires"), "300");
        assert!(!link.as_str().contains("hunter2"));
    }

    #[test]
    fn settings_are_checked_at_the_start() {
        for url in ["nonsense", "s3://", "ftp://host/dir", "file://host/dir"] {
            let settings =
                Settings { url, aws_endpoint: None, public_base: "http://127.0.0.1/files", secret: b"s" };
            assert!(Files::open(settings).is_err(), "{url}");
        }
    }
}
