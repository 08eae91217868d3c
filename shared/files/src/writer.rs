//! Writing a file as a stream, in bounded memory.

use crate::Result;
use object_store::{ObjectStore, buffered::BufWriter, path::Path};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

/// The smallest part S3 takes; one is being filled while two travel, so a writer holds at most 15 MiB.
const PART: usize = 5 * 1024 * 1024;
const PARTS_IN_FLIGHT: usize = 2;

/// A file being written. Dropped without [`finish`](Self::finish) it never appears; on S3 its parts stay (and cost)
/// until the bucket's rule for incomplete uploads removes them, so prefer [`abort`](Self::abort).
pub struct Writer {
    inner: BufWriter,
    hash: Sha256,
    bytes: u64,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The file's size.
    pub bytes: u64,
    /// SHA-256 of the file, in lower-case hex.
    pub sha256: String,
}

impl Writer {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, path: Path) -> Self {
        let inner = BufWriter::with_capacity(store, path, PART).with_max_concurrency(PARTS_IN_FLIGHT);
        Self { inner, hash: Sha256::new(), bytes: 0 }
    }

    /// Appends. Waits while the store is slower than the caller. Pieces of 16 KiB and more are the cheapest.
    pub async fn write(&mut self, piece: &[u8]) -> Result<()> {
        self.inner.write_all(piece).await?;
        self.hash.update(piece);
        self.bytes += piece.len() as u64;
        Ok(())
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Completes the file: from here on it is there.
    pub async fn finish(mut self) -> Result<Written> {
        self.inner.shutdown().await?;
        Ok(Written { bytes: self.bytes, sha256: hex::encode(self.hash.finalize()) })
    }

    /// Gives the file up and removes what already travelled.
    pub async fn abort(mut self) -> Result<()> {
        Ok(self.inner.abort().await?)
    }
}
