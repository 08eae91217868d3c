//! A cache of which only the name is known, asked for at a stand-in for ElastiCache's API that checks the request's
//! signature and shape.

use crate::support::sigv4::{Identity, Signed};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use cache::{DiscoverError, Discovered, discover};
use std::collections::HashMap;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

fn identity() -> Identity {
    Identity {
        access_key: "AKIDEXAMPLE".into(),
        secret: "not a secret at all".into(),
        region: "eu-central-1".into(),
        service: "elasticache".into(),
    }
}

/// Answers with what `caches` says of `action name`, or that there is none.
async fn stand_in(caches: &'static [(&'static str, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(answer(connection, caches));
        }
    });
    format!("http://{address}")
}

async fn answer(mut connection: TcpStream, caches: &[(&str, &str)]) {
    let mut received = Vec::new();
    let (head, body) = loop {
        let mut bytes = [0; 4096];
        let n = connection.read(&mut bytes).await.unwrap();
        assert!(n > 0, "the request breaks off");
        received.extend_from_slice(&bytes[..n]);
        let text = String::from_utf8(received.clone()).unwrap();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                break (head.to_owned(), body.to_owned());
            }
        }
    };
    let (status, reply) = match action(&head, &body) {
        Err(why) => (403, error("SignatureDoesNotMatch", &why)),
        Ok((action, name)) => match caches.iter().find(|(known, _)| *known == format!("{action} {name}")) {
            Some((_, found)) => (
                200,
                format!("<{action}Response><{action}Result>{found}</{action}Result></{action}Response>"),
            ),
            None if action == "DescribeServerlessCaches" => {
                (404, error("ServerlessCacheNotFoundFault", &name))
            }
            None => (404, error("ReplicationGroupNotFoundFault", &name)),
        },
    };
    let reply = format!(
        "HTTP/1.1 {status} x\r\ncontent-type: text/xml\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{reply}",
        reply.len()
    );
    connection.write_all(reply.as_bytes()).await.unwrap();
}

fn error(code: &str, why: &str) -> String {
    format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{why}</Message></Error></ErrorResponse>"
    )
}

/// The action and the name of a request that is signed as it must be.
fn action(head: &str, body: &str) -> Result<(String, String), String> {
    let mut lines = head.lines();
    if lines.next() != Some("POST / HTTP/1.1") {
        return Err("not a POST to /".into());
    }
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let header = |name: &str| headers.get(name).cloned().ok_or(format!("{name} is missing"));
    let authorization = header("authorization")?;
    let part = |name: &str| {
        let rest = authorization.split_once(&format!("{name}=")).map(|(_, rest)| rest)?;
        Some(rest.split(',').next().unwrap_or(rest).trim().to_owned())
    };
    let names = part("SignedHeaders").ok_or("no SignedHeaders")?;
    for needed in ["host", "x-amz-date"] {
        if !names.split(';').any(|name| name == needed) {
            return Err(format!("{needed} is not signed"));
        }
    }
    let signed: Result<Vec<_>, String> =
        names.split(';').map(|name| Ok((name.to_owned(), header(name)?))).collect();
    let time = header("x-amz-date")?;
    let request =
        Signed { method: "POST", query: &[], headers: &signed?, body: body.as_bytes(), time: &time };
    if part("Credential") != Some(identity().credential(&time)) {
        return Err("somebody else's credential".into());
    }
    if part("Signature") != Some(identity().signature(&request)) {
        return Err("another signature".into());
    }
    let form: HashMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    if form.get("Version").map(String::as_str) != Some("2015-02-02") {
        return Err("another version of the API".into());
    }
    let action = form.get("Action").cloned().ok_or("no Action")?;
    let name = match action.as_str() {
        "DescribeServerlessCaches" => form.get("ServerlessCacheName"),
        "DescribeReplicationGroups" => form.get("ReplicationGroupId"),
        _ => None,
    };
    Ok((action, name.cloned().ok_or("no name")?))
}

async fn found(
    name: &str,
    secret: &str,
    caches: &'static [(&'static str, &'static str)],
) -> Result<Discovered, DiscoverError> {
    let identity = identity();
    let credentials = Credentials::new(identity.access_key, secret, None, None, "test");
    let mut aws = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(identity.region))
        .credentials_provider(SharedCredentialsProvider::new(credentials));
    aws.set_endpoint_url(Some(stand_in(caches).await));
    discover(&aws.build(), name).await
}

const SERVERLESS: (&str, &str) = (
    "DescribeServerlessCaches reports",
    "<ServerlessCaches><member><ServerlessCacheName>reports</ServerlessCacheName><Endpoint><Address>\
     reports.serverless.example</Address><Port>6379</Port></Endpoint></member></ServerlessCaches>",
);

#[tokio::test]
async fn a_serverless_cache_is_found() {
    let cache = found("reports", &identity().secret, &[SERVERLESS]).await.unwrap();
    let wanted = Discovered { url: "rediss://reports.serverless.example:6379".into(), serverless: true };
    assert_eq!(cache, wanted);
}

#[tokio::test]
async fn a_replication_group_is_found_if_there_is_no_serverless_cache() {
    const GROUPS: &[(&str, &str)] = &[
        (
            "DescribeReplicationGroups tls",
            "<ReplicationGroups><ReplicationGroup><TransitEncryptionEnabled>true</TransitEncryptionEnabled><NodeGroups>\
             <NodeGroup><PrimaryEndpoint><Address>primary.example</Address><Port>6380</Port></PrimaryEndpoint>\
             </NodeGroup></NodeGroups></ReplicationGroup></ReplicationGroups>",
        ),
        (
            "DescribeReplicationGroups plain",
            "<ReplicationGroups><ReplicationGroup><ConfigurationEndpoint><Address>all.example</Address><Port>6379</Port>\
             </ConfigurationEndpoint><NodeGroups><NodeGroup/></NodeGroups></ReplicationGroup></ReplicationGroups>",
        ),
        (
            "DescribeReplicationGroups sharded",
            "<ReplicationGroups><ReplicationGroup><ConfigurationEndpoint><Address>all.example</Address><Port>6379</Port>\
             </ConfigurationEndpoint><NodeGroups><NodeGroup/><NodeGroup/></NodeGroups></ReplicationGroup>\
             </ReplicationGroups>",
        ),
        ("DescribeReplicationGroups young", "<ReplicationGroups><ReplicationGroup/></ReplicationGroups>"),
    ];
    let secret = identity().secret;
    for (name, url) in [("tls", "rediss://primary.example:6380"), ("plain", "redis://all.example:6379")] {
        let wanted = Discovered { url: url.into(), serverless: false };
        assert_eq!(found(name, &secret, GROUPS).await.unwrap(), wanted);
    }
    let refused = async |name| found(name, &secret, GROUPS).await.unwrap_err().to_string();
    assert!(refused("sharded").await.contains("several shards is not supported"));
    assert!(refused("young").await.contains("no endpoint yet"));
}

#[tokio::test]
async fn what_is_not_there_is_said_by_its_name() {
    let error = found("nowhere", &identity().secret, &[SERVERLESS]).await.unwrap_err().to_string();
    let wanted = "CACHE_NAME=nowhere: there is no serverless cache and no replication group of this name";
    assert_eq!(error, wanted);
}

#[tokio::test]
async fn a_request_with_another_secret_is_refused() {
    let error = found("reports", "guessed", &[SERVERLESS]).await.unwrap_err().to_string();
    assert!(error.contains("SignatureDoesNotMatch"), "{error}");
}
