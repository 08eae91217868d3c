//! Logging in with IAM: a stand-in for ElastiCache that speaks TLS, checks each token as AWS describes it, and has a real
//! Redis behind it.

use super::{ask, patient, unknown};
use crate::support::{
    redis::{Resp, Wire, redis_client},
    required,
    sigv4::{Identity, Signed},
};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use cache::{Auth, BadSettings, Cache, Iam, Origin, Settings};
use chrono::{NaiveDateTime, TimeDelta, Utc};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use std::{
    collections::HashSet,
    io::Write,
    sync::{Arc, Mutex},
};
use tempfile::NamedTempFile;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const USER: &str = "gogotime-functions";
const CACHE: &str = "GoGoTime-Test";

fn identity() -> Identity {
    Identity {
        access_key: "ASIAEXAMPLE".into(),
        secret: "nothing/that+anybody=keeps".into(),
        region: "eu-central-1".into(),
        service: "elasticache".into(),
    }
}

/// A certificate authority of the test's own.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn file(&self) -> NamedTempFile {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(self.0.pem().as_bytes()).unwrap();
        file
    }

    fn acceptor(&self, host: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec![host.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap(),
            )
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// What the stand-in saw.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Result<String, String>>>>);

impl Seen {
    /// Log-ins: the token, or why it was refused.
    fn logins(&self) -> Vec<Result<String, String>> {
        self.0.lock().unwrap().clone()
    }
}

/// A stand-in for a host; every connection is reset after `commands`. Its port.
async fn stand_in(authority: &Authority, host: &str, commands: usize) -> (u16, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = authority.acceptor(host);
    let seen = Seen::default();
    let tell = seen.clone();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let (acceptor, tell) = (acceptor.clone(), tell.clone());
            tokio::spawn(async move {
                connection.set_zero_linger().unwrap();
                let _ = serve(connection, acceptor, tell, commands).await;
            });
        }
    });
    (port, seen)
}

async fn serve(
    connection: TcpStream,
    acceptor: TlsAcceptor,
    seen: Seen,
    commands: usize,
) -> std::io::Result<()> {
    let mut client = Wire::new(acceptor.accept(connection).await?);
    let mut redis = redis_client(&required("GOGOTIME_TEST_REDIS_URL")).await;
    let mut known = false;
    for _ in 0..=commands {
        let Resp::Array(words) = client.read().await? else { return Ok(()) };
        let words: Vec<_> = words.into_iter().map(|word| word.bytes().unwrap_or_default()).collect();
        let reply = match words.iter().map(Vec::as_slice).collect::<Vec<_>>()[..] {
            [b"AUTH", user, token] => {
                let token = String::from_utf8_lossy(token).into_owned();
                let checked = check(&String::from_utf8_lossy(user), &token);
                known = checked.is_ok();
                seen.0.lock().unwrap().push(checked.map(|()| token));
                if known {
                    Resp::Simple("OK".into())
                } else {
                    Resp::Error("WRONGPASS invalid username-password pair or user is disabled.".into())
                }
            }
            _ if !known => Resp::Error("NOAUTH Authentication required.".into()),
            ref command => redis.call(command).await?,
        };
        client.write(&reply).await?;
    }
    Ok(())
}

/// As AWS describes the token: a request to `http://<cache>/?Action=connect&User=…`, signed for 15 minutes, without its
/// scheme.
fn check(user: &str, token: &str) -> Result<(), String> {
    if user != USER {
        return Err(format!("{user}: nobody of this name"));
    }
    let (host, query) = token.split_once("/?").ok_or("not a signed URL")?;
    if host != CACHE.to_lowercase() {
        return Err(format!("{host}: another cache"));
    }
    let mut query: Vec<(String, String)> =
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let get = |query: &[(String, String)], name: &str| {
        query.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let time = get(&query, "X-Amz-Date");
    let signed_at =
        NaiveDateTime::parse_from_str(&time, "%Y%m%dT%H%M%SZ").map_err(|e| format!("{time}: {e}"))?;
    let age = Utc::now().naive_utc() - signed_at;
    if !(TimeDelta::seconds(-5)..TimeDelta::seconds(900)).contains(&age) {
        return Err(format!("signed {age} ago"));
    }
    let wanted = [
        ("Action", "connect"),
        ("User", USER),
        ("ResourceType", "ServerlessCache"),
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", &identity().credential(&time)),
        ("X-Amz-Expires", "900"),
        ("X-Amz-SignedHeaders", "host"),
        ("X-Amz-Security-Token", SESSION),
    ];
    for (name, value) in wanted {
        let got = get(&query, name);
        if got != value {
            return Err(format!("{name} is {got:?}, not {value:?}"));
        }
    }
    let signature = get(&query, "X-Amz-Signature");
    query.retain(|(name, _)| name != "X-Amz-Signature");
    if query.len() != wanted.len() + 1 {
        return Err(format!("other parameters: {query:?}"));
    }
    let host = [("host".to_owned(), host.to_owned())];
    let request = Signed { method: "GET", query: &query, headers: &host, body: b"", time: &time };
    if signature == identity().signature(&request) { Ok(()) } else { Err("another signature".into()) }
}

const SESSION: &str = "a session/token+of=Lambda";

fn iam(user: &str, cache: &str, secret: &str) -> Iam {
    let identity = identity();
    let credentials = Credentials::new(identity.access_key, secret, Some(SESSION.into()), None, "test");
    Iam {
        user: user.into(),
        cache: cache.into(),
        serverless: true,
        region: aws_config::Region::new(identity.region),
        credentials: SharedCredentialsProvider::new(credentials),
    }
}

fn instance(port: u16, roots: &NamedTempFile, iam: Iam) -> Cache {
    Cache::redis(Settings {
        url: format!("rediss://localhost:{port}"),
        ca_file: Some(roots.path().to_owned()),
        auth: Auth::Iam(iam),
        limits: patient(),
    })
    .unwrap()
}

#[tokio::test]
async fn a_token_is_what_aws_describes_and_each_connection_has_its_own() {
    let authority = Authority::new();
    let roots = authority.file();
    // PING and a miss (a look, the lease, the value) are four commands.
    let (port, seen) = stand_in(&authority, "localhost", 4).await;
    let cache = instance(port, &roots, iam(USER, CACHE, &identity().secret));
    assert!(cache.ping().await, "{:?}", seen.logins());
    let first = unknown();
    assert_eq!(ask(&cache, &first, "value").await, ("value".into(), Origin::Miss));
    assert_eq!(seen.logins().len(), 1);
    // The connection has been cut: the next command finds out, logs in again and costs nobody anything.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await; // a token names the second it was made in
    let second = unknown();
    assert_eq!(ask(&cache, &second, "value").await, ("value".into(), Origin::Miss));
    let logins: HashSet<_> = seen.logins().into_iter().collect::<Result<_, _>>().unwrap();
    assert_eq!(logins.len(), 2, "another token for another connection");
    let other = instance(port, &roots, iam(USER, CACHE, &identity().secret));
    assert_eq!(ask(&other, &second, "again").await, ("value".into(), Origin::Hit));
}

#[tokio::test]
async fn who_is_not_known_is_refused_and_the_answer_is_right() {
    let authority = Authority::new();
    let roots = authority.file();
    let secret = identity().secret;
    for (what, iam) in [
        ("nobody", iam("somebody", CACHE, &secret)),
        ("another cache", iam(USER, "other", &secret)),
        ("another signature", iam(USER, CACHE, "guessed")),
    ] {
        let (port, seen) = stand_in(&authority, "localhost", 100).await;
        let cache = instance(port, &roots, iam);
        assert_eq!(ask(&cache, &unknown(), "value").await, ("value".into(), Origin::Off), "{what}");
        let refused = seen.logins().swap_remove(0).unwrap_err();
        assert!(refused.contains(what), "{refused}");
        assert!(!cache.ping().await);
    }
}

#[tokio::test]
async fn nobody_but_the_cache_gets_a_token() {
    let authority = Authority::new();
    let (roots, others) = (authority.file(), Authority::new().file());
    for (what, host, file) in
        [("another authority", "localhost", &others), ("another host", "elsewhere", &roots)]
    {
        let (port, seen) = stand_in(&authority, host, 100).await;
        let cache = instance(port, file, iam(USER, CACHE, &identity().secret));
        assert_eq!(ask(&cache, &unknown(), "value").await, ("value".into(), Origin::Off), "{what}");
        assert!(!cache.ping().await, "{what}");
        assert_eq!(seen.logins(), [], "{what}");
    }
}

#[test]
fn settings_that_lead_nowhere_are_refused_with_a_reason() {
    let file = NamedTempFile::new().unwrap();
    let with = |url: &str, ca_file: Option<&std::path::Path>, auth: Auth| {
        let settings =
            Settings { url: url.into(), ca_file: ca_file.map(Into::into), auth, ..Settings::default() };
        Cache::redis(settings).err().map(|error: BadSettings| error.to_string()).unwrap_or_default()
    };
    let token = || Auth::Iam(iam(USER, CACHE, "secret"));
    assert!(with("http://localhost", None, Auth::Url).contains("CACHE_URL must be"));
    assert!(with("redis://localhost", None, token()).contains("CACHE_AUTH=iam needs TLS"));
    assert!(with("redis://localhost", Some(file.path()), Auth::Url).contains("CACHE_CA_FILE is for TLS"));
    assert!(with("rediss://localhost", Some(file.path()), Auth::Url).contains("no certificates"));
    let nowhere = std::path::Path::new("/nowhere/roots.pem");
    assert!(
        with("rediss://localhost", Some(nowhere), token()).contains("CACHE_CA_FILE=/nowhere/roots.pem: ")
    );
}

/// The deployed user may do what the cache does, and nothing else.
#[tokio::test]
async fn the_access_string_of_the_template_is_enough_and_no_more() {
    let template = crate::template::text("template.yaml");
    let access = template.lines().find_map(|line| line.trim().strip_prefix("AccessString: ")).unwrap();
    let access = access.trim_matches('\'');
    let url = required("GOGOTIME_TEST_REDIS_URL");
    let mut admin = redis_client(&url).await;
    let user = format!("test-{}", uuid::Uuid::new_v4());
    let mut rule: Vec<&[u8]> = vec![b"ACL", b"SETUSER", user.as_bytes(), b"reset", b">secret"];
    rule.extend(access.split(' ').map(str::as_bytes));
    assert_eq!(admin.call(&rule).await.unwrap(), Resp::Simple("OK".into()), "{access}");

    let limited = url.replacen("redis://", &format!("redis://{user}:secret@"), 1);
    let cache = || super::instance(&limited, patient());
    let wanted = unknown();
    assert!(cache().ping().await);
    assert_eq!(ask(&cache(), &wanted, "value").await, ("value".into(), Origin::Miss));
    assert_eq!(ask(&cache(), &wanted, "again").await, ("value".into(), Origin::Hit));
    assert!(cache().last(&wanted.name).await.is_some());
    let late = super::now() + TimeDelta::days(1);
    let Ok(old) =
        cache().answer(&wanted, late, async { Ok::<_, std::convert::Infallible>(Vec::new()) }).await;
    assert!(old.due, "the mark of a refresh");
    let failed = cache().answer(&unknown(), super::now(), async { Err("no") }).await;
    assert_eq!(failed.err(), Some("no"));

    let mut client = redis_client(&url).await;
    client.call(&[b"AUTH", user.as_bytes(), b"secret"]).await.unwrap();
    for forbidden in
        [&[&b"GET"[..], b"other:key"][..], &[b"FLUSHALL"], &[b"KEYS", b"*"], &[b"CONFIG", b"GET", b"*"]]
    {
        let reply = client.call(forbidden).await.unwrap();
        assert!(matches!(&reply, Resp::Error(why) if why.starts_with("NOPERM")), "{reply:?}");
    }
    admin.call(&[b"ACL", b"DELUSER", user.as_bytes()]).await.unwrap();
}
