//! Holidays, work schedules and who has which, and periods that are locked.

use crate::{Changed, Entity, Result, Row, Tenant, Tx};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{HolidayId, PeriodLockId, ScheduleId, UserId};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A day on which nobody is expected to work.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Holiday {
    /// Its columns that every entity has.
    #[serde(flatten)]
    pub entity: Entity,
    /// The day.
    pub day: NaiveDate,
    /// What it is called.
    pub name: String,
    /// ISO 3166-1 alpha-2; null: in every country.
    pub country_code: Option<String>,
}

/// A holiday of an import.
#[derive(Clone, Debug)]
pub struct NewHoliday {
    /// The day.
    pub day: NaiveDate,
    /// What it is called.
    pub name: String,
    /// ISO 3166-1 alpha-2; none: in every country.
    pub country_code: Option<String>,
}

/// What an import did; holidays that were there under the same name are in neither number.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = HolidaysImported)]
pub struct Imported {
    /// Were not there.
    #[schema(minimum = 0)]
    pub created: i64,
    /// Had another name.
    #[schema(minimum = 0)]
    pub updated: i64,
}

/// How much of a week somebody works.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WorkSchedule {
    /// Its columns that every entity has.
    #[serde(flatten)]
    pub entity: Entity,
    /// Its name; unique in the company.
    pub name: String,
    /// Minutes of each day from Monday to Sunday.
    #[schema(min_items = 7, max_items = 7)]
    pub minutes: Vec<i32>,
}

/// That somebody works by a schedule from a day on, until the next one begins.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleAssignment {
    /// Who.
    pub user_id: UserId,
    /// The first day.
    pub valid_from: NaiveDate,
    /// By which.
    pub schedule_id: ScheduleId,
    /// Its name.
    pub schedule_name: String,
    /// Its minutes of each day from Monday to Sunday.
    #[schema(min_items = 7, max_items = 7)]
    pub minutes: Vec<i32>,
}

/// Days whose time nobody changes any more.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PeriodLock {
    /// Its columns that every entity has.
    #[serde(flatten)]
    pub entity: Entity,
    /// The first day.
    pub period_start: NaiveDate,
    /// The last day.
    pub period_end: NaiveDate,
    /// Why.
    pub reason: Option<String>,
}

fn holiday(row: &Row) -> Holiday {
    Holiday {
        entity: Entity::of(row),
        day: row.get("day"),
        name: row.get("name"),
        country_code: row.get("country_code"),
    }
}

fn schedule(row: &Row) -> WorkSchedule {
    WorkSchedule { entity: Entity::of(row), name: row.get("name"), minutes: row.get("minutes") }
}

fn assignment(row: &Row) -> ScheduleAssignment {
    ScheduleAssignment {
        user_id: UserId(row.get("user_id")),
        valid_from: row.get("valid_from"),
        schedule_id: ScheduleId(row.get("schedule_id")),
        schedule_name: row.get("schedule_name"),
        minutes: row.get("minutes"),
    }
}

fn period_lock(row: &Row) -> PeriodLock {
    PeriodLock {
        entity: Entity::of(row),
        period_start: row.get("period_start"),
        period_end: row.get("period_end"),
        reason: row.get("reason"),
    }
}

// ------------------------------------------------------------------------------------------ holidays
/// Those between two days, by day; of a country with those of every country.
pub async fn holidays(
    tx: &Tx,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
    country: Option<&str>,
) -> Result<Vec<Holiday>> {
    let rows = tx
        .query(
            "select * from holidays
             where deleted_at is null and ($1::date is null or day >= $1) and ($2::date is null or day <= $2)
               and ($3::text is null or country_code is null or country_code = $3::text)
             order by day, country_code nulls first",
            &[&from, &to, &country],
        )
        .await?;
    Ok(rows.iter().map(holiday).collect())
}

/// One of them.
pub async fn find_holiday(tx: &Tx, id: HolidayId) -> Result<Option<Holiday>> {
    let row = tx.query_opt("select * from holidays where id = $1 and deleted_at is null", &[&id.0]).await?;
    Ok(row.as_ref().map(holiday))
}

/// The same, locked until the transaction ends.
pub async fn lock_holiday(tx: &Tenant, id: HolidayId) -> Result<Option<Holiday>> {
    let sql = "select * from holidays where id = $1 and deleted_at is null for update";
    Ok(tx.query_opt(sql, &[&id.0]).await?.as_ref().map(holiday))
}

/// A new one. `holidays_day_key` refuses a second one on the same day in the same country.
pub async fn create_holiday(tx: &Tenant, id: HolidayId, new: &NewHoliday, actor: UserId) -> Result<Holiday> {
    let row = tx
        .query_one(
            "insert into holidays (company_id, id, day, name, country_code, created_by_user_id)
             values ($1, $2, $3, $4, $5, $6) returning *",
            &[&tx.company().0, &id.0, &new.day, &new.name, &new.country_code, &actor.0],
        )
        .await?;
    Ok(holiday(&row))
}

/// Changes a locked one. Refused as in [`create_holiday`].
pub async fn update_holiday(
    tx: &Tenant,
    id: HolidayId,
    new: &NewHoliday,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<Holiday> {
    let row = tx
        .query_one(
            "update holidays set day = $2, name = $3, country_code = $4, version = version + 1, updated_at = $6,
               updated_by_user_id = $5
             where id = $1 returning *",
            &[&id.0, &new.day, &new.name, &new.country_code, &actor.0, &now],
        )
        .await?;
    Ok(holiday(&row))
}

/// The one that was deleted. For good: its day is free for another.
pub async fn delete_holiday(tx: &Tenant, id: HolidayId) -> Result<Option<Holiday>> {
    let row = tx.query_opt("delete from holidays where id = $1 returning *", &[&id.0]).await?;
    Ok(row.as_ref().map(holiday))
}

/// Creates or renames many; no two of them may be of the same day and country.
pub async fn import_holidays(
    tx: &Tenant,
    holidays: &[NewHoliday],
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<Imported> {
    let row = tx
        .query_one(
            "with done as (
               insert into holidays as h (company_id, id, day, name, country_code, created_by_user_id)
               select $1, n.id, n.day, n.name, n.country_code, $6
               from unnest($2::uuid[], $3::date[], $4::text[], $5::text[]) as n (id, day, name, country_code)
               order by n.day, n.country_code -- two imports at once lock in the same order
               on conflict on constraint holidays_day_key do update set name = excluded.name,
                 version = h.version + 1, updated_at = $7, updated_by_user_id = $6
               where h.name <> excluded.name
               returning version = 1 as created)
             select count(*) filter (where created) as created, count(*) filter (where not created) as updated from done",
            &[
                &tx.company().0,
                &holidays.iter().map(|_| Uuid::now_v7()).collect::<Vec<_>>(),
                &holidays.iter().map(|h| h.day).collect::<Vec<_>>(),
                &holidays.iter().map(|h| h.name.as_str()).collect::<Vec<_>>(),
                &holidays.iter().map(|h| h.country_code.as_deref()).collect::<Vec<_>>(),
                &actor.0,
                &now,
            ],
        )
        .await?;
    Ok(Imported { created: row.get("created"), updated: row.get("updated") })
}

// ------------------------------------------------------------------------------------------ schedules
/// All of them, by name.
pub async fn schedules(tx: &Tx) -> Result<Vec<WorkSchedule>> {
    let rows =
        tx.query("select * from work_schedules where deleted_at is null order by name, id", &[]).await?;
    Ok(rows.iter().map(schedule).collect())
}

/// One of them.
pub async fn find_schedule(tx: &Tx, id: ScheduleId) -> Result<Option<WorkSchedule>> {
    let row =
        tx.query_opt("select * from work_schedules where id = $1 and deleted_at is null", &[&id.0]).await?;
    Ok(row.as_ref().map(schedule))
}

/// A new one. `work_schedules_name_key` refuses a name that there is.
pub async fn create_schedule(
    tx: &Tenant,
    id: ScheduleId,
    name: &str,
    minutes: &[i32],
    actor: UserId,
) -> Result<WorkSchedule> {
    let row = tx
        .query_one(
            "insert into work_schedules (company_id, id, name, minutes, created_by_user_id)
             values ($1, $2, $3, $4, $5) returning *",
            &[&tx.company().0, &id.0, &name, &minutes, &actor.0],
        )
        .await?;
    Ok(schedule(&row))
}

/// Changes what is given, if `version` is the stored one or none. Refused as in [`create_schedule`].
pub async fn update_schedule(
    tx: &Tenant,
    id: ScheduleId,
    name: Option<&str>,
    minutes: Option<&[i32]>,
    version: Option<i32>,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<Changed<WorkSchedule>> {
    let row = tx
        .query_opt(
            "update work_schedules set name = coalesce($2, name), minutes = coalesce($3, minutes),
               version = version + 1, updated_at = $6, updated_by_user_id = $5
             where id = $1 and deleted_at is null and ($4::int is null or version = $4) returning *",
            &[&id.0, &name, &minutes, &version, &actor.0, &now],
        )
        .await?;
    Ok(match row {
        Some(row) => Changed::Done(schedule(&row)),
        None => find_schedule(tx, id).await?.map_or(Changed::Missing, Changed::Stale),
    })
}

/// The one that was deleted, for good. `user_schedules_schedule_fkey` refuses it while somebody has it.
pub async fn delete_schedule(tx: &Tenant, id: ScheduleId) -> Result<Option<WorkSchedule>> {
    let row = tx.query_opt("delete from work_schedules where id = $1 returning *", &[&id.0]).await?;
    Ok(row.as_ref().map(schedule))
}

/// A person's schedules, the latest first; none: there is no such person.
pub async fn assignments(tx: &Tx, user: UserId) -> Result<Option<Vec<ScheduleAssignment>>> {
    let rows = tx
        .query(
            "select u.id as user_id, a.valid_from, a.schedule_id, s.name as schedule_name, s.minutes
             from users u
             left join user_schedules a on a.company_id = u.company_id and a.user_id = u.id
             left join work_schedules s on s.company_id = a.company_id and s.id = a.schedule_id
             where u.id = $1 and u.deleted_at is null order by a.valid_from desc",
            &[&user.0],
        )
        .await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let has_one = |row: &&Row| row.get::<_, Option<Uuid>>("schedule_id").is_some();
    Ok(Some(rows.iter().filter(has_one).map(assignment).collect()))
}

/// What came of [`assign`].
#[derive(Debug)]
pub enum Assigned {
    /// Done.
    Done(ScheduleAssignment),
    /// There is no such person.
    NoUser,
    /// There is no such schedule.
    NoSchedule,
}

/// Gives a person a schedule from a day on, instead of another one that would begin on that day.
pub async fn assign(
    tx: &Tenant,
    user: UserId,
    schedule: ScheduleId,
    valid_from: NaiveDate,
    actor: UserId,
) -> Result<Assigned> {
    let row = tx
        .query_one(
            "with person as (select company_id, id from users where id = $1 and deleted_at is null),
             s as (select id, name, minutes from work_schedules where id = $2 and deleted_at is null),
             given as (
               insert into user_schedules (company_id, user_id, valid_from, schedule_id, created_by_user_id)
               select person.company_id, person.id, $3, s.id, $4 from person, s
               on conflict (company_id, user_id, valid_from) do update set schedule_id = excluded.schedule_id,
                 created_by_user_id = excluded.created_by_user_id)
             select $1::uuid as user_id, $3::date as valid_from, s.id as schedule_id, s.name as schedule_name, s.minutes,
                    exists (select from person) as known
             from (select) as once left join s on true",
            &[&user.0, &schedule.0, &valid_from, &actor.0],
        )
        .await?;
    Ok(if !row.get::<_, bool>("known") {
        Assigned::NoUser
    } else if row.get::<_, Option<Uuid>>("schedule_id").is_none() {
        Assigned::NoSchedule
    } else {
        Assigned::Done(assignment(&row))
    })
}

/// Whether there was one to take back: the schedule before it goes on.
pub async fn unassign(tx: &Tenant, user: UserId, valid_from: NaiveDate) -> Result<bool> {
    let sql = "delete from user_schedules where user_id = $1 and valid_from = $2";
    Ok(tx.execute(sql, &[&user.0, &valid_from]).await? == 1)
}

// ------------------------------------------------------------------------------------------ locks
/// All of them, the latest period first.
pub async fn period_locks(tx: &Tx) -> Result<Vec<PeriodLock>> {
    let sql = "select * from period_locks where deleted_at is null order by period_start desc, id desc";
    Ok(tx.query(sql, &[]).await?.iter().map(period_lock).collect())
}

/// Locks a period.
pub async fn create_period_lock(
    tx: &Tenant,
    id: PeriodLockId,
    (start, end): (NaiveDate, NaiveDate),
    reason: Option<&str>,
    actor: UserId,
) -> Result<PeriodLock> {
    let row = tx
        .query_one(
            "insert into period_locks (company_id, id, period_start, period_end, reason, created_by_user_id)
             values ($1, $2, $3, $4, $5, $6) returning *",
            &[&tx.company().0, &id.0, &start, &end, &reason, &actor.0],
        )
        .await?;
    Ok(period_lock(&row))
}

/// The lock that was taken away.
pub async fn delete_period_lock(
    tx: &Tenant,
    id: PeriodLockId,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<Option<PeriodLock>> {
    let row = tx
        .query_opt(
            "update period_locks set deleted_at = $3, version = version + 1, updated_at = $3, updated_by_user_id = $2
             where id = $1 and deleted_at is null returning *",
            &[&id.0, &actor.0, &now],
        )
        .await?;
    Ok(row.as_ref().map(period_lock))
}
