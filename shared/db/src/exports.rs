//! Export jobs and what they export. A job is worked on under a fenced lease: every later statement of an attempt
//! names its lease, so an attempt that was overtaken can change nothing any more.

use crate::{Reader, Result, Row, System, Tenant, Tx};
use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use domain::{CompanyId, ExportId, UserId};
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Seconds an attempt may be silent before another may start. A live one is heard every second.
const LEASE_SECONDS: f64 = 30.0;

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ExportStatus)]
pub enum Status {
    /// Waits for its turn.
    Queued,
    /// Is being written.
    Running,
    /// Its file can be fetched.
    Ready,
    /// Will not come.
    Failed,
    /// Its file is no longer kept.
    Expired,
}

impl Status {
    fn parse(word: &str) -> Self {
        match word {
            "queued" => Self::Queued,
            "running" => Self::Running,
            "ready" => Self::Ready,
            "expired" => Self::Expired,
            // The check constraint allows only `failed` beside these.
            _ => Self::Failed,
        }
    }
}

/// An export job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Its id.
    pub id: ExportId,
    /// `on_demand` or `nightly`.
    pub kind: String,
    /// `csv`.
    pub format: String,
    /// As stored; see [`Export::status_at`].
    pub status: Status,
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// Who asked; none for a nightly one.
    pub requested_by: Option<UserId>,
    /// Rows written so far, or in the file.
    pub rows: i64,
    /// Rows expected.
    pub estimated_rows: i64,
    /// The file's size, once ready.
    pub bytes: Option<i64>,
    /// The file's SHA-256 in hex, once ready.
    pub sha256: Option<String>,
    /// The file's place in the object store, once ready.
    pub file: Option<String>,
    /// Why it failed, in words for the user.
    pub error: Option<String>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it became ready or failed.
    pub finished_at: Option<DateTime<Utc>>,
    /// Until when the file is kept.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Export {
    /// The status that holds at `now`: nobody writes down that a file's time is over.
    pub fn status_at(&self, now: DateTime<Utc>) -> Status {
        match self.expires_at {
            Some(expiry) if self.status == Status::Ready && expiry <= now => Status::Expired,
            _ => self.status,
        }
    }

    fn from_row(row: &Row) -> Self {
        Self {
            id: ExportId(row.get("id")),
            kind: row.get("kind"),
            format: row.get("format"),
            status: Status::parse(row.get("status")),
            from: row.get("period_from"),
            to: row.get("period_to"),
            requested_by: row.get::<_, Option<Uuid>>("requested_by").map(UserId),
            rows: row.get("rows_done"),
            estimated_rows: row.get("rows_estimated"),
            bytes: row.get("bytes"),
            sha256: row.get("sha256"),
            file: row.get("file"),
            error: row.get("error"),
            created_at: row.get("created_at"),
            finished_at: row.get("finished_at"),
            expires_at: row.get("expires_at"),
        }
    }
}

/// The columns of [`Export`].
const COLUMNS: &str = "id, kind, format, status, period_from, period_to, requested_by, rows_done, rows_estimated, \
    bytes, sha256, file, error, created_at, finished_at, expires_at";

// ------------------------------------------------------------------------------------------ asking

/// Asks for the company's time from `from` to `to` as CSV. The second value is false if the same person already
/// waits for the same export of the same data; then that job is returned, which makes a double click harmless.
pub async fn request(tx: &Tenant, by: UserId, from: NaiveDate, to: NaiveDate) -> Result<(Export, bool)> {
    let id = ExportId::new();
    // The update changes nothing; it makes the conflicting row come back.
    let sql = format!(
        "insert into exports (company_id, id, kind, format, period_from, period_to, requested_by, fingerprint)
         select $1, $2, 'on_demand', 'csv', $3::date, $4::date, $5::uuid, encode(sha256(convert_to(
           concat_ws('|', 'on_demand', 'csv', $3::date, $4::date, $5::uuid,
             (select string_agg(shard || ':' || version, ',' order by shard) from data_version)), 'UTF8')), 'hex')
         on conflict (company_id, fingerprint) where status in ('queued', 'running')
         do update set fingerprint = excluded.fingerprint
         returning {COLUMNS}"
    );
    let row = tx.query_one(&sql, &[&tx.company().0, &id.0, &from, &to, &by.0]).await?;
    let export = Export::from_row(&row);
    let created = export.id == id;
    Ok((export, created))
}

/// A job of the company.
pub async fn find(tx: &Tx, id: ExportId) -> Result<Option<Export>> {
    let row = tx.query_opt(&format!("select {COLUMNS} from exports where id = $1"), &[&id.0]).await?;
    Ok(row.as_ref().map(Export::from_row))
}

/// Up to `limit` jobs, the newest first, from the one after `before` on. Nothing if `before` does not exist.
pub async fn list(tx: &Tx, before: Option<ExportId>, limit: i64) -> Result<Vec<Export>> {
    let sql = format!(
        "select {COLUMNS} from exports
         where $1::uuid is null
            or (created_at, id) < (select b.created_at, b.id from exports b where b.id = $1)
         order by created_at desc, id desc limit $2"
    );
    let rows = tx.query(&sql, &[&before.map(|id| id.0), &limit]).await?;
    Ok(rows.iter().map(Export::from_row).collect())
}

// ------------------------------------------------------------------------------------------ working

/// What became of [`claim`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The job is ours.
    Taken(Box<Export>),
    /// Another attempt is alive.
    Busy,
    /// There is nothing (more) to do.
    Done,
}

/// Takes a job that waits, or whose attempt fell silent.
pub async fn claim(tx: &Tenant, id: ExportId, lease: Uuid, now: DateTime<Utc>) -> Result<Claim> {
    let sql = format!(
        "update exports set
           status = 'running', lease = $2, lease_until = clock_timestamp() + make_interval(secs => $3),
           attempts = attempts + 1, rows_done = 0, started_at = coalesce(started_at, $4), error = null,
           updated_at = clock_timestamp()
         where id = $1 and (status = 'queued' or status = 'running' and lease_until < clock_timestamp())
         returning {COLUMNS}"
    );
    if let Some(row) = tx.query_opt(&sql, &[&id.0, &lease, &LEASE_SECONDS, &now]).await? {
        return Ok(Claim::Taken(Box::new(Export::from_row(&row))));
    }
    Ok(match find(tx, id).await? {
        Some(export) if matches!(export.status, Status::Queued | Status::Running) => Claim::Busy,
        _ => Claim::Done,
    })
}

/// Shows progress and extends the lease. False if the lease is lost: stop.
pub async fn progress(tx: &Tenant, id: ExportId, lease: Uuid, rows: i64, estimated: i64) -> Result<bool> {
    let changed = tx
        .execute(
            "update exports set
               rows_done = $3, rows_estimated = $4, lease_until = clock_timestamp() + make_interval(secs => $5),
               updated_at = clock_timestamp()
             where id = $1 and lease = $2 and status = 'running'",
            &[&id.0, &lease, &rows, &estimated, &LEASE_SECONDS],
        )
        .await?;
    Ok(changed == 1)
}

/// A finished file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where it is in the object store.
    pub path: String,
    /// Its rows, without the header.
    pub rows: i64,
    /// Its size.
    pub bytes: i64,
    /// Its SHA-256 in hex.
    pub sha256: String,
    /// Until when it is kept.
    pub expires_at: DateTime<Utc>,
}

/// Ends a job with its file. False if the lease is lost: the file is nobody's.
pub async fn complete(
    tx: &Tenant,
    id: ExportId,
    lease: Uuid,
    file: &File,
    now: DateTime<Utc>,
) -> Result<bool> {
    let changed = tx
        .execute(
            "update exports set
               status = 'ready', file = $3, rows_done = $4, rows_estimated = $4, bytes = $5, sha256 = $6, expires_at = $7,
               finished_at = $8, lease = null, lease_until = null, updated_at = clock_timestamp()
             where id = $1 and lease = $2 and status = 'running'",
            &[&id.0, &lease, &file.path, &file.rows, &file.bytes, &file.sha256, &file.expires_at, &now],
        )
        .await?;
    Ok(changed == 1)
}

/// Gives a job back, so that a redelivery can take it at once. False if the lease is lost.
pub async fn release(tx: &Tenant, id: ExportId, lease: Uuid) -> Result<bool> {
    let changed = tx
        .execute(
            "update exports set status = 'queued', lease = null, lease_until = null, updated_at = clock_timestamp()
             where id = $1 and lease = $2 and status = 'running'",
            &[&id.0, &lease],
        )
        .await?;
    Ok(changed == 1)
}

/// Ends a job without a file; `error` is for the user. False if the lease is lost.
pub async fn fail(tx: &Tenant, id: ExportId, lease: Uuid, error: &str, now: DateTime<Utc>) -> Result<bool> {
    let changed = tx
        .execute(
            "update exports set
               status = 'failed', error = $3, finished_at = $4, lease = null, lease_until = null,
               updated_at = clock_timestamp()
             where id = $1 and lease = $2 and status = 'running'",
            &[&id.0, &lease, &error, &now],
        )
        .await?;
    Ok(changed == 1)
}

// ------------------------------------------------------------------------------------------ content

/// About how many rows [`csv`] gives, from the index alone (deleted entries are counted too).
pub async fn estimate(tx: &Reader, from: NaiveDate, to: NaiveDate) -> Result<i64> {
    let row = tx
        .query_one(
            "select count(*) as entries from timesheet_entries where day between $1 and $2",
            &[&from, &to],
        )
        .await?;
    Ok(row.get("entries"))
}

/// The company's entries from `from` to `to` as CSV with a header, straight from the database: UTF-8, RFC 4180
/// quoting, but LF line ends, because that is what COPY writes and every reader takes. Pieces may break anywhere.
pub async fn csv(tx: &Reader, from: NaiveDate, to: NaiveDate) -> Result<BoxStream<'static, Result<Bytes>>> {
    let stream = tx.copy_out(&copy(from, to)).await?;
    Ok(stream.map_err(Into::into).boxed())
}

/// Keeps a spreadsheet from taking a text for a formula: a leading `'` before what may begin one, the full-width
/// forms included. Applied to what people type, never to numbers.
fn guarded(text: &str) -> String {
    format!(
        "case when left({text}, 1) in ('=', '+', '-', '@', E'\\t', E'\\r', E'\\n', '＝', '＋', '－', '＠') \
         then '''' || {text} else {text} end"
    )
}

/// COPY takes no parameters: the dates are formatted in, and they can be nothing but dates.
/// People and codes are guarded once each; only labels and notes are looked at row by row.
fn copy(from: NaiveDate, to: NaiveDate) -> String {
    let [last_name, first_name, email, code, code_name, category, label, note, country, own_country, teams] =
        [
            "u.last_name",
            "u.first_name",
            "u.email::text",
            "c.code",
            "c.name",
            "g.name",
            "r.activity_label",
            "e.note",
            "e.country",
            "r.employee_country_code",
            "m.teams",
        ]
        .map(guarded);
    format!(
        r#"copy (
  with member as materialized (
    select m.user_id, string_agg(t.name, '; ' order by t.name, t.id) as teams
    from team_members m
    join teams t on t.company_id = m.company_id and t.id = m.team_id
    where m.deleted_at is null and t.deleted_at is null
    group by m.user_id),
  person as materialized (
    select u.id, u.last_name as by_last, u.first_name as by_first, {last_name} as last_name,
           {first_name} as first_name, {email} as email, {teams} as teams
    from users u left join member m on m.user_id = u.id),
  code as materialized (
    select c.id, {code} as code, {code_name} as name, {category} as category,
           coalesce(nullif(c.billable_default, 'auto'), c.type) as billable
    from action_codes c
    left join action_code_categories g on g.company_id = c.company_id and g.id = c.category_id)
  select
    e.day as "Date",
    to_char(e.day, 'IYYY-"W"IW') as "ISO week",
    e.user_id as "Employee ID",
    p.last_name as "Last name",
    p.first_name as "First name",
    p.email as "E-mail",
    p.teams as "Teams",
    c.code as "Action code",
    c.name as "Code name",
    c.category as "Category",
    {label} as "Activity",
    e.work_mode as "Work mode",
    {country} as "Country",
    {own_country} as "Employee country",
    e.duration_min as "Minutes",
    round(e.duration_min / 60.0, 2) as "Hours",
    coalesce(nullif(e.billable, 'auto'), c.billable) as "Billable",
    e.status as "Entry status",
    s.status as "Sheet status",
    a.first_name || ' ' || a.by_last as "Approver",
    to_char(s.approved_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as "Approved at",
    {note} as "Note"
  from timesheet_entries e
  join person p on p.id = e.user_id
  join code c on c.id = e.action_code_id
  left join timesheet_rows r on r.company_id = e.company_id and r.id = e.timesheet_row_id
  left join timesheets s on s.company_id = e.company_id and s.id = e.timesheet_id
  left join person a on a.id = s.approver_id
  where e.day between '{from}' and '{to}' and e.deleted_at is null
  order by e.day, p.by_last, p.by_first, p.id, e.id
) to stdout (format csv, header)"#
    )
}

// ------------------------------------------------------------------------------------------ nightly

/// A nightly export that a company should have by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Whose.
    pub company: CompanyId,
    /// The company's date it belongs to; one per company and date.
    pub local_date: NaiveDate,
    /// First day: of yesterday's month.
    pub from: NaiveDate,
    /// Last day: yesterday.
    pub to: NaiveDate,
}

/// The nightly exports that are due at `now`: the company's local hour has reached its hour, and its local date has
/// none yet. "Has reached" and not "is": an hour that a clock change leaves out, or an hour without a tick, only
/// delays (to the end of the local day). A company whose time zone the database does not know is served in UTC.
pub async fn due(tx: &System, now: DateTime<Utc>) -> Result<Vec<Due>> {
    let rows = tx
        .query(
            "with zone as materialized (select name from pg_timezone_names),
             local as (
               select c.id as company_id, s.nightly_export_hour as hour,
                      $1::timestamptz at time zone coalesce(z.name, 'UTC') as now
               from companies c
               join company_settings s on s.company_id = c.id
               left join zone z on z.name = s.timezone
               where c.deleted_at is null and s.nightly_export_hour is not null)
             select company_id, now::date as local_date, date_trunc('month', now::date - 1)::date as period_from,
                    now::date - 1 as period_to
             from local l
             where extract(hour from now) >= hour
               and not exists (select from exports e where e.company_id = l.company_id and e.kind = 'nightly'
                                 and e.local_date = l.now::date)
             order by company_id",
            &[&now],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| Due {
            company: CompanyId(row.get("company_id")),
            local_date: row.get("local_date"),
            from: row.get("period_from"),
            to: row.get("period_to"),
        })
        .collect())
}

/// Writes down nightly jobs; returns those that were not there yet. A concurrent tick gets the others.
pub async fn start_nightly(tx: &System, due: &[Due]) -> Result<Vec<(CompanyId, ExportId)>> {
    let ids: Vec<_> = due.iter().map(|_| ExportId::new().0).collect();
    let companies: Vec<_> = due.iter().map(|due| due.company.0).collect();
    let dates: Vec<_> = due.iter().map(|due| due.local_date).collect();
    let from: Vec<_> = due.iter().map(|due| due.from).collect();
    let to: Vec<_> = due.iter().map(|due| due.to).collect();
    let rows = tx
        .query(
            "insert into exports (company_id, id, kind, format, period_from, period_to, local_date, fingerprint)
             select d.company_id, d.id, 'nightly', 'csv', d.period_from, d.period_to, d.local_date,
                    'nightly ' || d.local_date
             from unnest($1::uuid[], $2::uuid[], $3::date[], $4::date[], $5::date[])
                  as d (company_id, id, local_date, period_from, period_to)
             on conflict do nothing
             returning company_id, id",
            &[&companies, &ids, &dates, &from, &to],
        )
        .await?;
    Ok(rows.iter().map(|row| (CompanyId(row.get("company_id")), ExportId(row.get("id")))).collect())
}

/// A job that nobody works on any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abandoned {
    /// Whose.
    pub company: CompanyId,
    /// The job.
    pub id: ExportId,
    /// Who asked; none for a nightly one.
    pub requested_by: Option<UserId>,
}

/// Fails the jobs that have been silent for too long: an hour after their lease when running, a day when waiting.
/// Their message is lost or a dead letter, so without this they would look busy for ever.
pub async fn abandon(tx: &System, error: &str, now: DateTime<Utc>) -> Result<Vec<Abandoned>> {
    let rows = tx
        .query(
            "update exports set
               status = 'failed', error = $1, finished_at = $2, lease = null, lease_until = null,
               updated_at = clock_timestamp()
             where status = 'running' and lease_until < clock_timestamp() - interval '1 hour'
                or status = 'queued' and updated_at < clock_timestamp() - interval '1 day'
             returning company_id, id, requested_by",
            &[&error, &now],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| Abandoned {
            company: CompanyId(row.get("company_id")),
            id: ExportId(row.get("id")),
            requested_by: row.get::<_, Option<Uuid>>("requested_by").map(UserId),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn export(status: Status, expires_at: Option<DateTime<Utc>>) -> Export {
        let day = NaiveDate::from_ymd_opt(2026, 9, 1).unwrap();
        Export {
            id: ExportId(Uuid::nil()),
            kind: "on_demand".into(),
            format: "csv".into(),
            status,
            from: day,
            to: day,
            requested_by: None,
            rows: 0,
            estimated_rows: 0,
            bytes: None,
            sha256: None,
            file: None,
            error: None,
            created_at: DateTime::UNIX_EPOCH,
            finished_at: None,
            expires_at,
        }
    }

    #[test]
    fn only_a_ready_file_expires() {
        let now = DateTime::UNIX_EPOCH + chrono::TimeDelta::days(20);
        let past = Some(DateTime::UNIX_EPOCH);
        assert_eq!(export(Status::Ready, past).status_at(now), Status::Expired);
        assert_eq!(export(Status::Ready, Some(now)).status_at(now), Status::Expired);
        assert_eq!(
            export(Status::Ready, past).status_at(DateTime::UNIX_EPOCH - chrono::TimeDelta::days(1)),
            Status::Ready
        );
        assert_eq!(export(Status::Failed, past).status_at(now), Status::Failed);
    }

    #[test]
    fn every_status_is_read_back() {
        for status in [Status::Queued, Status::Running, Status::Ready, Status::Failed, Status::Expired] {
            let word = serde_json::to_value(status).unwrap();
            assert_eq!(
                Status::parse(word.as_str().unwrap()),
                status,
                "the word on the wire is the one in the database"
            );
        }
    }
}
