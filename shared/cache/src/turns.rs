//! One computation per key within the process: whoever comes second waits for the first one's result.

use crate::Kept;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{Mutex as AsyncMutex, MutexGuard};

/// What the holder leaves to those who wait: its result, if it has one.
type Slot = AsyncMutex<Option<Arc<Kept>>>;

/// Who computes what.
#[derive(Clone, Default)]
pub(crate) struct Turns(Arc<Mutex<HashMap<String, Arc<Slot>>>>);

/// A place in the queue of one key. Dropped at any time, also while waiting, it holds up nobody.
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    key: &'a str,
    slot: Arc<Slot>,
}

impl Turns {
    pub(crate) fn of<'a>(&'a self, key: &'a str) -> Turn<'a> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = match all.get(key) {
            Some(slot) => Arc::clone(slot),
            None => Arc::clone(all.entry(key.to_owned()).or_default()),
        };
        Turn { turns: self, key, slot }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Turn<'_> {
    /// Waits until it is ours. What is in it then is an earlier holder's result.
    pub(crate) async fn come(&self) -> MutexGuard<'_, Option<Arc<Kept>>> {
        self.slot.lock().await
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut all = self.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The map's and ours: nobody else waits, and nobody can begin to without the map's lock.
        if Arc::strong_count(&self.slot) == 2 {
            all.remove(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn those_who_wait_get_the_result_and_nothing_stays_behind() {
        let turns = Turns::default();
        let first = turns.of("key");
        let mut mine = first.come().await;
        assert!(mine.is_none());
        let second = turns.of("key");
        let gives_up = turns.of("key");
        {
            let waits = std::pin::pin!(gives_up.come());
            assert!(futures_util::FutureExt::now_or_never(waits).is_none(), "it is the first one's turn");
        }
        drop(gives_up);
        *mine = Some(Arc::default());
        drop(mine);
        drop(first);
        assert!(second.come().await.is_some());
        assert_eq!(turns.len(), 1);
        drop(second);
        assert_eq!(turns.len(), 0);
    }
}
