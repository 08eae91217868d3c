//! An export job on the wire.

use chrono::{DateTime, NaiveDate, Utc};
use db::exports::{Export, Status};
use domain::{ExportId, Timestamp, UserId};
use serde::Serialize;
use utoipa::ToSchema;

/// An export job as clients see it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Export)]
pub(crate) struct ExportBody {
    id: ExportId,
    status: Status,
    /// `on_demand` or `nightly`.
    kind: String,
    /// `csv`.
    format: String,
    /// First day.
    from: NaiveDate,
    /// Last day.
    to: NaiveDate,
    progress: Progress,
    /// Rows of the file, without its header; null until it is ready.
    rows: Option<i64>,
    /// Size of the file.
    bytes: Option<i64>,
    /// Of the file, in hex.
    sha256: Option<String>,
    /// Why it failed, for the user.
    error: Option<String>,
    /// Where the file is to be had; null unless it is ready.
    download_url: Option<String>,
    created_at: Timestamp,
    finished_at: Option<Timestamp>,
    /// Until when the file is kept.
    expires_at: Option<Timestamp>,
    /// Who asked; null for a nightly one.
    requested_by: Option<UserId>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ExportProgress)]
struct Progress {
    /// Rows written so far.
    rows: i64,
    /// Rows expected.
    estimated_rows: i64,
}

impl ExportBody {
    /// The job as it stands at `now`.
    pub(crate) fn new(export: Export, now: DateTime<Utc>) -> Self {
        let status = export.status_at(now);
        Self {
            id: export.id,
            status,
            progress: Progress { rows: export.rows, estimated_rows: export.estimated_rows },
            rows: matches!(status, Status::Ready | Status::Expired).then_some(export.rows),
            bytes: export.bytes,
            sha256: export.sha256,
            error: export.error,
            download_url: (status == Status::Ready).then(|| format!("/api/exports/{}/download", export.id)),
            created_at: export.created_at.into(),
            finished_at: export.finished_at.map(Timestamp),
            expires_at: export.expires_at.map(Timestamp),
            requested_by: export.requested_by,
            kind: export.kind,
            format: export.format,
            from: export.from,
            to: export.to,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use serde_json::json;

    fn ready(now: DateTime<Utc>) -> Export {
        Export {
            id: "0199c2f0-0000-7000-8000-000000000001".parse().unwrap(),
            kind: "on_demand".into(),
            format: "csv".into(),
            status: Status::Ready,
            from: "2026-09-01".parse().unwrap(),
            to: "2026-09-30".parse().unwrap(),
            requested_by: Some("0199c2f0-0000-7000-8000-000000000002".parse().unwrap()),
            rows: 3,
            estimated_rows: 4,
            bytes: Some(120),
            sha256: Some("ab".into()),
            file: Some("exports/secret.csv".into()),
            error: None,
            created_at: now,
            finished_at: Some(now),
            expires_at: Some(now + TimeDelta::days(14)),
        }
    }

    #[test]
    fn a_job_reads_as_documented_and_hides_where_its_file_is() {
        let now = "2026-10-01T08:00:00.123456Z".parse().unwrap();
        let body = serde_json::to_value(ExportBody::new(ready(now), now)).unwrap();
        assert_eq!(
            body,
            json!({
                "id": "0199c2f0-0000-7000-8000-000000000001", "status": "ready", "kind": "on_demand", "format": "csv",
                "from": "2026-09-01", "to": "2026-09-30", "progress": { "rows": 3, "estimatedRows": 4 },
                "rows": 3, "bytes": 120, "sha256": "ab", "error": null,
                "downloadUrl": "/api/exports/0199c2f0-0000-7000-8000-000000000001/download",
                "createdAt": "2026-10-01T08:00:00.123Z", "finishedAt": "2026-10-01T08:00:00.123Z",
                "expiresAt": "2026-10-15T08:00:00.123Z", "requestedBy": "0199c2f0-0000-7000-8000-000000000002"
            })
        );
    }

    #[test]
    fn an_expired_job_offers_no_download_and_a_running_one_no_rows() {
        let now: DateTime<Utc> = "2026-10-01T08:00:00Z".parse().unwrap();
        let expired = serde_json::to_value(ExportBody::new(ready(now), now + TimeDelta::days(14))).unwrap();
        assert_eq!((&expired["status"], &expired["downloadUrl"]), (&json!("expired"), &json!(null)));
        let running = Export { status: Status::Running, expires_at: None, ..ready(now) };
        let running = serde_json::to_value(ExportBody::new(running, now)).unwrap();
        assert_eq!((&running["rows"], &running["progress"]["rows"]), (&json!(null), &json!(3)));
    }
}
