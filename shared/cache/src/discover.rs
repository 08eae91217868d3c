//! Finds a cache by its name, when only `CACHE_NAME` is configured. Done while a function starts, never
//! within a request.

use aws_config::SdkConfig;
use aws_sdk_elasticache::{
    Client, error::DisplayErrorContext, operation::describe_serverless_caches::DescribeServerlessCachesError,
};

/// No endpoint for this name.
#[derive(Debug, thiserror::Error)]
#[error("CACHE_NAME={name}: {why}")]
pub struct DiscoverError {
    name: String,
    why: String,
}

/// The URL of the serverless cache or replication group called `name`. Both speak TLS only.
pub async fn discover(aws: &SdkConfig, name: &str) -> Result<String, DiscoverError> {
    let failed = |why: String| DiscoverError { name: name.to_owned(), why };
    let client = Client::new(aws);
    match client.describe_serverless_caches().serverless_cache_name(name).send().await {
        Ok(reply) => {
            let endpoint = reply.serverless_caches().first().and_then(|cache| cache.endpoint());
            if let Some((host, port)) = endpoint.and_then(|e| Some((e.address()?, e.port().unwrap_or(6379))))
            {
                return Ok(format!("rediss://{host}:{port}"));
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
    let reply = client
        .describe_replication_groups()
        .replication_group_id(name)
        .send()
        .await
        .map_err(|error| failed(DisplayErrorContext(error).to_string()))?;
    let group = reply.replication_groups().first().ok_or_else(|| failed("no such cache".into()))?;
    // Cluster mode has a configuration endpoint; otherwise the first node group's primary.
    group
        .configuration_endpoint()
        .or_else(|| group.node_groups().first().and_then(|nodes| nodes.primary_endpoint()))
        .and_then(|e| Some(format!("rediss://{}:{}", e.address()?, e.port().unwrap_or(6379))))
        .ok_or_else(|| failed("the cache has no endpoint yet".into()))
}
