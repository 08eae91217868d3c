//! What a real account would give: its region and number, ids, and the gateway's way to write a time.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// The region that everything local claims to be in.
pub(crate) const REGION: &str = "eu-central-1";
/// The account that everything local claims to belong to.
pub(crate) const ACCOUNT: &str = "000000000000";
/// The id of both APIs.
pub(crate) const API: &str = "local";

/// A request id as Lambda and the gateway make them.
pub(crate) fn request_id() -> String {
    Uuid::new_v4().to_string()
}

/// An X-Ray trace header: the second it began, then 96 random bits.
pub(crate) fn trace_id() -> String {
    let random = Uuid::new_v4().simple().to_string();
    format!("Root=1-{:08x}-{};Parent={};Sampled=0", Utc::now().timestamp(), &random[..24], &random[16..])
}

/// The ARN of a function.
pub(crate) fn function_arn(function: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}")
}

/// `12/Mar/2026:19:03:58 +0000`.
pub(crate) fn request_time(at: DateTime<Utc>) -> String {
    at.format("%d/%b/%Y:%H:%M:%S %z").to_string()
}
