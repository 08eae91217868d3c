//! One attempt at one export.

use crate::records::Records;
use app::App;
use chrono::TimeDelta;
use db::exports::{self, Export, File};
use domain::{CompanyId, Event, ExportDone};
use files::Writer;
use futures_util::StreamExt;
use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, Instant},
};
use uuid::Uuid;

/// How long a file is kept. The bucket's lifecycle rule must not be shorter.
const KEPT: TimeDelta = TimeDelta::days(14);
/// Spreadsheets read UTF-8 for certain only with it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Rows are gathered to pieces of this size: hashing and writing cost by the call.
const PIECE: usize = 64 * 1024;
/// How often progress is shown and the lease extended.
const PULSE: Duration = Duration::from_secs(1);
/// Kept back from the function's time for giving up in good order.
const RESERVE: Duration = Duration::from_secs(5);

/// Why an attempt ended without a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// The lease ran out and another attempt began.
    #[error("another attempt took over")]
    Overtaken,
    /// The function's time is over.
    #[error("the time is over")]
    TooLong,
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// The object store did not do it.
    #[error(transparent)]
    Store(#[from] files::Error),
}

impl Stop {
    /// What the user reads.
    pub(crate) fn for_user(&self) -> &'static str {
        match self {
            Self::TooLong => "The export took too long. Please choose a shorter period.",
            _ => "The export could not be written. Please ask for it again later.",
        }
    }
}

/// How far the stream is; shared with the pulse beside it.
#[derive(Default)]
struct Progress {
    rows: AtomicI64,
    estimated: AtomicI64,
}

pub(crate) struct Attempt<'a> {
    pub(crate) app: &'a App,
    pub(crate) company: CompanyId,
    pub(crate) export: &'a Export,
    pub(crate) lease: Uuid,
    pub(crate) deadline: Instant,
}

impl Attempt<'_> {
    /// Writes the file and announces it.
    pub(crate) async fn run(&self) -> Result<(), Stop> {
        let files = self.app.files()?;
        // The lease is in the name: an overtaken attempt cannot touch the file of the one that took over.
        let path = format!("exports/{}/{}/{}.csv", self.company, self.export.id, self.lease);
        let mut writer = files.writer(&path)?;
        let progress = Progress::default();
        let streamed = tokio::select! {
            streamed = self.stream(&mut writer, &progress) => streamed,
            stop = self.pulse(&progress) => Err(stop),
        };
        let rows = match streamed {
            Ok(rows) => rows,
            Err(stop) => {
                if let Err(error) = writer.abort().await {
                    tracing::warn!(%error, path, "the unfinished file is left to the bucket's rule");
                }
                return Err(stop);
            }
        };
        let written = tokio::select! {
            written = writer.finish() => written?,
            stop = self.pulse(&progress) => return Err(stop),
        };
        let announced = self.announce(File {
            path: path.clone(),
            rows,
            bytes: i64::try_from(written.bytes).unwrap_or(i64::MAX),
            sha256: written.sha256,
            expires_at: self.app.now() + KEPT,
        });
        let result = announced.await;
        // After an error the commit may have succeeded all the same: then the job names this file, so it stays.
        if let Err(Stop::Overtaken) = result
            && let Err(error) = files.delete(&path).await
        {
            tracing::warn!(%error, path, "a file that nobody announces is left");
        }
        result
    }

    /// Copies all rows, of one instant, into the file; returns how many.
    async fn stream(&self, writer: &mut Writer, progress: &Progress) -> Result<i64, Stop> {
        let snapshot = self.app.db().snapshot(self.company).await?;
        let (from, to) = (self.export.from, self.export.to);
        progress.estimated.store(exports::estimate(&snapshot, from, to).await?, Ordering::Relaxed);
        let mut csv = exports::csv(&snapshot, from, to).await?;
        let mut records = Records::default();
        let mut piece = Vec::with_capacity(2 * PIECE);
        piece.extend_from_slice(BYTE_ORDER_MARK);
        loop {
            let next = csv.next().await.transpose()?;
            if let Some(bytes) = &next {
                piece.extend_from_slice(bytes);
            }
            if piece.len() >= PIECE || next.is_none() {
                records.add(&piece);
                writer.write(&piece).await?;
                piece.clear();
                progress.rows.store(records.rows(), Ordering::Relaxed);
            }
            if next.is_none() {
                return Ok(records.rows());
            }
        }
    }

    /// Shows progress and keeps the lease, beside the stream and over a connection of its own, until there is a
    /// reason to stop. A beat that fails is not one: the lease outlives many, and in the end the fence decides.
    async fn pulse(&self, progress: &Progress) -> Stop {
        loop {
            tokio::time::sleep(PULSE).await;
            if self.deadline.saturating_duration_since(Instant::now()) < RESERVE {
                return Stop::TooLong;
            }
            match self.beat(progress).await {
                Ok(true) => {}
                Ok(false) => return Stop::Overtaken,
                Err(error) => tracing::warn!(%error, export_id = %self.export.id, "progress not saved"),
            }
        }
    }

    async fn beat(&self, progress: &Progress) -> db::Result<bool> {
        let tx = self.app.db().tenant(self.company).await?;
        let (rows, estimated) =
            (progress.rows.load(Ordering::Relaxed), progress.estimated.load(Ordering::Relaxed));
        let ours = exports::progress(&tx, self.export.id, self.lease, rows, estimated).await?;
        self.app.commit(tx).await?;
        Ok(ours)
    }

    /// The job is ready and says so, or neither.
    async fn announce(&self, file: File) -> Result<(), Stop> {
        let mut tx = self.app.db().tenant(self.company).await?;
        if !exports::complete(&tx, self.export.id, self.lease, &file, self.app.now()).await? {
            return Err(Stop::Overtaken);
        }
        tx.record(Event::ExportReady(ExportDone {
            export_id: self.export.id,
            requested_by: self.export.requested_by,
            rows: file.rows,
            bytes: file.bytes,
            error: None,
        }));
        self.app.commit(tx).await?;
        telemetry::add(telemetry::Metric::ExportRows, &[], u64::try_from(file.rows).unwrap_or_default());
        tracing::info!(export_id = %self.export.id, rows = file.rows, bytes = file.bytes, "export ready");
        Ok(())
    }
}
