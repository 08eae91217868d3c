//! The right to compute a value, which everybody else waits for.

use crate::{Lookup, redis_cache::Redis};
use std::sync::Arc;
use tokio::runtime::Handle;

/// A lease that is asked for, or held. If it is dropped – the request was cancelled, or the computation panicked – it
/// is given back, so that nobody waits for it until it ends.
pub(crate) struct Lease {
    pub(crate) token: u64,
    redis: Arc<Redis>,
    wanted: Option<Lookup>,
}

impl Lease {
    pub(crate) fn new(redis: &Arc<Redis>, wanted: &Lookup) -> Self {
        Self { token: rand::random(), redis: Arc::clone(redis), wanted: Some(wanted.clone()) }
    }

    /// It was never had, or [`Redis::put`] gives it back with the value.
    pub(crate) fn forget(mut self) -> u64 {
        self.wanted = None;
        self.token
    }

    pub(crate) async fn release(mut self) {
        if let Some(wanted) = &self.wanted {
            self.redis.release(wanted, self.token).await;
        }
        self.wanted = None;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let (Some(wanted), Ok(runtime)) = (self.wanted.take(), Handle::try_current()) {
            let (redis, token) = (Arc::clone(&self.redis), self.token);
            runtime.spawn(async move { redis.release(&wanted, token).await });
        }
    }
}
