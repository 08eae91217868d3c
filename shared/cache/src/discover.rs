//! Finds a cache by its name, when only `CACHE_NAME` is configured. Done while a function starts, never
//! within a request.

use aws_config::SdkConfig;
use aws_sdk_elasticache::{
    Client,
    error::DisplayErrorContext,
    operation::{
        describe_replication_groups::DescribeReplicationGroupsError,
        describe_serverless_caches::DescribeServerlessCachesError,
    },
    types::{Endpoint, ReplicationGroup},
};

/// A cache that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    /// Its `rediss://…`, or `redis://…` if it is a replication group without TLS.
    pub url: String,
    /// Whether it is a serverless cache, or else a replication group.
    pub serverless: bool,
}

/// No endpoint for this name.
#[derive(Debug, thiserror::Error)]
#[error("CACHE_NAME={name}: {why}")]
pub struct DiscoverError {
    name: String,
    why: String,
}

/// The serverless cache or replication group called `name`.
pub async fn discover(aws: &SdkConfig, name: &str) -> Result<Discovered, DiscoverError> {
    let failed = |why: String| DiscoverError { name: name.to_owned(), why };
    let client = Client::new(aws);
    match client.describe_serverless_caches().serverless_cache_name(name).send().await {
        Ok(reply) => {
            if let Some(cache) = reply.serverless_caches().first() {
                let url = url("rediss", cache.endpoint()).ok_or_else(|| failed(NO_ENDPOINT.into()))?;
                return Ok(Discovered { url, serverless: true });
            }
        }
        Err(error) => {
            let unknown = error
                .as_service_error()
                .is_some_and(DescribeServerlessCachesError::is_serverless_cache_not_found_fault);
            if !unknown {
                return Err(failed(DisplayErrorContext(error).to_string()));
            }
        }
    }
    let unknown = || failed("there is no serverless cache and no replication group of this name".into());
    let reply =
        client.describe_replication_groups().replication_group_id(name).send().await.map_err(|error| {
            match error.as_service_error() {
                Some(DescribeReplicationGroupsError::ReplicationGroupNotFoundFault(_)) => unknown(),
                _ => failed(DisplayErrorContext(error).to_string()),
            }
        })?;
    let group = reply.replication_groups().first().ok_or_else(unknown)?;
    Ok(Discovered { url: address_of(group).map_err(|why| failed(why.into()))?, serverless: false })
}

const NO_ENDPOINT: &str = "the cache has no endpoint yet";

fn address_of(group: &ReplicationGroup) -> Result<String, &'static str> {
    let shards = group.node_groups();
    if shards.len() > 1 {
        // Each shard sends away who asks for another's keys; a serverless cache does not.
        return Err(
            "a replication group with several shards is not supported: one shard, or a serverless cache",
        );
    }
    // Cluster mode has a configuration endpoint; otherwise the shard's primary.
    let endpoint =
        group.configuration_endpoint().or_else(|| shards.first().and_then(|shard| shard.primary_endpoint()));
    let scheme = if group.transit_encryption_enabled() == Some(true) { "rediss" } else { "redis" };
    url(scheme, endpoint).ok_or(NO_ENDPOINT)
}

fn url(scheme: &str, endpoint: Option<&Endpoint>) -> Option<String> {
    let endpoint = endpoint?;
    Some(format!("{scheme}://{}:{}", endpoint.address()?, endpoint.port().unwrap_or(6379)))
}
