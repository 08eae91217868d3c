-- Reports that are fast without a cache: roll-ups of the entries, kept in the same transaction, and saved reports.
--
-- How they are kept (docs/performance.md has the figures):
-- * A statement that changes entries appends what it changed, per cell, to rollup_changes (a trigger, so that no
--   writer can forget it). It updates no total, so writers never wait for each other and cannot deadlock.
-- * Readers see each roll-up through a view: what is folded, plus what is not folded yet. So they are exact at any
--   moment, whether the folding runs or not.
-- * fold_rollups() moves changes into the roll-ups; schedule-relay calls it every minute. One at a time per company.
--
-- Expand only: a release of 0002 keeps working on this schema.

-- The owner may be no superuser: then forced row-level security would hide every row from this migration.
alter table timesheet_entries no force row level security;
alter table timesheet_rows no force row level security;
alter table action_codes no force row level security;

-- An entry carries its row's billable tag: what it counts as does not depend on a row that may be gone (domain.md §7.5).
alter table timesheet_entries add column billable varchar(24) not null default 'auto'
  constraint timesheet_entries_billable_check check (billable in ('billable', 'non-billable', 'auto'));
update timesheet_entries e set billable = r.billable
from timesheet_rows r
where r.company_id = e.company_id and r.id = e.timesheet_row_id and r.billable <> 'auto';

-- A person's entries, for reports about few people.
create index timesheet_entries_user_idx on timesheet_entries (company_id, user_id, day);
-- How many weeks were handed in, and when; and what was decided when.
create index timesheets_compliance_idx on timesheets (company_id, period_start, status, submitted_at, user_id)
  where deleted_at is null;
-- When the sheet of a decision had been handed in: reports need it for thousands of decisions at once.
alter table timesheet_history add column submitted_at timestamptz;
alter table timesheet_history no force row level security;
update timesheet_history h set submitted_at = (
  select max(s.occurred_at) from timesheet_history s
  where s.company_id = h.company_id and s.target_type = 'Timesheet' and s.target_id = h.target_id
    and s.action in ('submitted', 'auto_submitted') and s.occurred_at <= h.occurred_at)
where h.target_type = 'Timesheet' and h.action in ('approved', 'rejected');
alter table timesheet_history force row level security;
create function decision_made() returns trigger language plpgsql as $$
begin
  new.submitted_at := (
    select max(s.occurred_at) from timesheet_history s
    where s.company_id = new.company_id and s.target_type = 'Timesheet' and s.target_id = new.target_id
      and s.action in ('submitted', 'auto_submitted') and s.occurred_at <= new.occurred_at);
  return new;
end $$;
create trigger decision_made before insert on timesheet_history for each row
  when (new.target_type = 'Timesheet' and new.action in ('approved', 'rejected')) execute function decision_made();
create index timesheet_history_decisions_idx on timesheet_history (company_id, action, occurred_at)
  include (submitted_at, user_id, actor_user_id) where target_type = 'Timesheet' and action <> 'created';

-- ------------------------------------------------------------------------------------------ roll-ups
-- What happened to the entries since the roll-ups were last folded: one row per cell and statement, signed.
create table rollup_changes (
  company_id uuid not null references companies on delete cascade,
  user_id uuid not null,
  day date not null,
  action_code_id uuid not null,
  work_mode varchar(8) not null,
  country varchar(2) not null,
  billable varchar(24) not null,
  status varchar(32) not null,
  minutes bigint not null,
  billable_minutes bigint not null,        -- of minutes, what counts as billable (domain.md §7.5)
  absence_minutes bigint not null,         -- of minutes, what is no work: the codes HOLIDAY and SICK (domain.md §7.9)
  entries bigint not null
) with (autovacuum_vacuum_scale_factor = 0.02);
create index rollup_changes_company_idx on rollup_changes (company_id, day);

-- All roll-ups have three grains: d(ay), w(eek, by its Monday), m(onth, by its first day). Rows that count nothing any
-- more are deleted by the folding.
-- Where people worked; the only one with person-days. Its days also serve as those of rollup_users.
create table rollup_places (
  company_id uuid not null references companies on delete cascade,
  grain "char" not null check (grain in ('d', 'm')),
  start date not null,
  user_id uuid not null,
  work_mode varchar(8) not null,
  country varchar(2) not null,
  minutes bigint not null,
  billable_minutes bigint not null,
  absence_minutes bigint not null,
  approved_minutes bigint not null,        -- approved or invoiced
  pending_minutes bigint not null,         -- waiting for approval
  entries bigint not null,
  days bigint not null,                    -- days with minutes
  primary key (company_id, grain, start, user_id, work_mode, country)
) with (fillfactor = 80);
create index rollup_places_user_idx on rollup_places (company_id, user_id, grain, start);
create index rollup_places_absence_idx on rollup_places (company_id, start, user_id)
  where grain = 'd' and absence_minutes <> 0;
create index rollup_places_empty_idx on rollup_places (company_id) where entries = 0;

create table rollup_users (
  company_id uuid not null references companies on delete cascade,
  grain "char" not null check (grain in ('w', 'm')),
  start date not null,
  user_id uuid not null,
  minutes bigint not null,
  billable_minutes bigint not null,
  absence_minutes bigint not null,
  approved_minutes bigint not null,
  pending_minutes bigint not null,
  entries bigint not null,
  primary key (company_id, grain, start, user_id)
) with (fillfactor = 80);
create index rollup_users_user_idx on rollup_users (company_id, user_id, grain, start);
create index rollup_users_empty_idx on rollup_users (company_id) where entries = 0;

-- By current membership: who joins a team brings all past time along, who leaves takes it away.
create table rollup_teams (
  company_id uuid not null references companies on delete cascade,
  grain "char" not null check (grain in ('d', 'w', 'm')),
  start date not null,
  team_id uuid not null,
  minutes bigint not null,
  billable_minutes bigint not null,
  absence_minutes bigint not null,
  approved_minutes bigint not null,
  pending_minutes bigint not null,
  entries bigint not null,
  primary key (company_id, grain, start, team_id)
) with (fillfactor = 80);
create index rollup_teams_empty_idx on rollup_teams (company_id) where entries = 0;

-- Everything but the people.
create table rollup_codes (
  company_id uuid not null references companies on delete cascade,
  grain "char" not null check (grain in ('d', 'w', 'm')),
  start date not null,
  action_code_id uuid not null,
  work_mode varchar(8) not null,
  country varchar(2) not null,
  billable varchar(24) not null,
  status varchar(32) not null,
  minutes bigint not null,
  entries bigint not null,
  primary key (company_id, grain, start, action_code_id, work_mode, country, billable, status)
) with (fillfactor = 80);
create index rollup_codes_empty_idx on rollup_codes (company_id) where entries = 0;

-- ------------------------------------------------------------------------------------------ what they show
-- A change at its three grains.
create view rollup_pending with (security_invoker = true) as
select c.*, g.grain, g.start,
       case when c.status in ('approved', 'invoiced') then c.minutes else 0 end as approved_minutes,
       case when c.status = 'pending_approval' then c.minutes else 0 end as pending_minutes
from rollup_changes c
cross join lateral (values ('d'::"char", c.day), ('w'::"char", date_trunc('week', c.day)::date),
                           ('m'::"char", date_trunc('month', c.day)::date)) as g (grain, start);

-- Rows of one key add up; a key may have several.
create view report_users with (security_invoker = true) as
select company_id, grain, start, user_id, minutes, billable_minutes, absence_minutes, approved_minutes,
       pending_minutes, entries
from rollup_users
union all
select company_id, grain, start, user_id, minutes, billable_minutes, absence_minutes, approved_minutes,
       pending_minutes, entries
from rollup_places where grain = 'd'
union all
select company_id, grain, start, user_id, minutes, billable_minutes, absence_minutes, approved_minutes,
       pending_minutes, entries
from rollup_pending;

create view report_teams with (security_invoker = true) as
select company_id, grain, start, team_id, minutes, billable_minutes, absence_minutes, approved_minutes,
       pending_minutes, entries
from rollup_teams
union all
select c.company_id, c.grain, c.start, m.team_id, c.minutes, c.billable_minutes, c.absence_minutes,
       c.approved_minutes, c.pending_minutes, c.entries
from rollup_pending c
join team_members m on m.company_id = c.company_id and m.user_id = c.user_id and m.deleted_at is null;

create view report_codes with (security_invoker = true) as
select company_id, grain, start, action_code_id, work_mode, country, billable, status, minutes, entries
from rollup_codes
union all
select company_id, grain, start, action_code_id, work_mode, country, billable, status, minutes, entries
from rollup_pending;

-- Only days and months. A day counts once per person, mode and country, however many entries changed: so the pending
-- ones are compared with what is folded.
create view report_places with (security_invoker = true) as
select company_id, grain, start, user_id, work_mode, country, minutes, billable_minutes, absence_minutes,
       approved_minutes, pending_minutes, entries, days
from rollup_places
union all
select c.company_id, g.grain, g.start, c.user_id, c.work_mode, c.country, c.minutes, c.billable_minutes,
       c.absence_minutes, c.approved_minutes, c.pending_minutes, c.entries,
       (coalesce(p.minutes, 0) + c.minutes > 0)::int - (coalesce(p.minutes, 0) > 0)::int
from (select company_id, day, user_id, work_mode, country, sum(minutes)::bigint as minutes,
             sum(billable_minutes)::bigint as billable_minutes,
             sum(absence_minutes)::bigint as absence_minutes, sum(entries)::bigint as entries,
             coalesce(sum(minutes) filter (where status in ('approved', 'invoiced')), 0)::bigint as approved_minutes,
             coalesce(sum(minutes) filter (where status = 'pending_approval'), 0)::bigint as pending_minutes
      from rollup_changes group by company_id, day, user_id, work_mode, country) c
left join rollup_places p on p.company_id = c.company_id and p.grain = 'd' and p.start = c.day
  and p.user_id = c.user_id and p.work_mode = c.work_mode and p.country = c.country
cross join lateral (values ('d'::"char", c.day), ('m'::"char", date_trunc('month', c.day)::date)) as g (grain, start);

-- ------------------------------------------------------------------------------------------ how they are kept
-- Two locks per company. Entries share 'codes' with each other and exclude a change of what a code counts as, so that
-- every entry is counted by the old rule and corrected, or by the new one. 'rollups' is held by whoever writes them.
create function lock_codes(company uuid, exclusively bool) returns void language plpgsql as $$
begin
  if exclusively then perform pg_advisory_xact_lock(7264502, hashtext(company::text));
  else perform pg_advisory_xact_lock_shared(7264502, hashtext(company::text));
  end if;
end $$;

create function lock_rollups(company uuid) returns void language sql as
  $$ select pg_advisory_xact_lock(7264503, hashtext(company::text)) $$;

-- What an entry counts as (domain.md §7.5).
create function is_billable(tag text, code_default text, code_type text) returns bool language sql immutable as
  $$ select coalesce(nullif(tag, 'auto'), nullif(code_default, 'auto'), code_type) = 'billable' $$;

-- Whether time on a code is no work: holidays and sickness are booked on codes of their own (domain.md §7.9). They
-- lower what somebody should work and are never counted as worked.
create function is_absence(code text) returns bool language sql immutable as
  $$ select upper(code) in ('HOLIDAY', 'SICK') $$;

create function entries_changed() returns trigger language plpgsql as $$
declare company uuid;
begin
  if tg_op <> 'DELETE' then
    for company in select distinct company_id from new_entries order by 1 loop perform lock_codes(company, false); end loop;
  end if;
  if tg_op <> 'INSERT' then
    for company in select distinct company_id from old_entries order by 1 loop perform lock_codes(company, false); end loop;
  end if;
  -- A statement of its own, which sees what was committed before the lock was ours.
  if tg_op = 'INSERT' then
    insert into rollup_changes
    select e.company_id, e.user_id, e.day, e.action_code_id, e.work_mode, e.country, e.billable, e.status,
           sum(e.duration_min),
           coalesce(sum(e.duration_min) filter (where is_billable(e.billable, c.billable_default, c.type)), 0),
           coalesce(sum(e.duration_min) filter (where is_absence(c.code)), 0), count(*)
    from new_entries e join action_codes c on c.company_id = e.company_id and c.id = e.action_code_id
    where e.deleted_at is null
    group by 1, 2, 3, 4, 5, 6, 7, 8;
  elsif tg_op = 'DELETE' then
    insert into rollup_changes
    select e.company_id, e.user_id, e.day, e.action_code_id, e.work_mode, e.country, e.billable, e.status,
           -sum(e.duration_min),
           -coalesce(sum(e.duration_min) filter (where is_billable(e.billable, c.billable_default, c.type)), 0),
           -coalesce(sum(e.duration_min) filter (where is_absence(c.code)), 0), -count(*)
    from old_entries e join action_codes c on c.company_id = e.company_id and c.id = e.action_code_id
    where e.deleted_at is null
    group by 1, 2, 3, 4, 5, 6, 7, 8;
  else
    insert into rollup_changes
    select e.company_id, e.user_id, e.day, e.action_code_id, e.work_mode, e.country, e.billable, e.status,
           sum(e.sign * e.duration_min),
           coalesce(sum(e.sign * e.duration_min)
                    filter (where is_billable(e.billable, c.billable_default, c.type)), 0),
           coalesce(sum(e.sign * e.duration_min) filter (where is_absence(c.code)), 0), sum(e.sign)
    from (select company_id, user_id, day, action_code_id, work_mode, country, billable, status, duration_min, 1 as sign
          from new_entries where deleted_at is null
          union all
          select company_id, user_id, day, action_code_id, work_mode, country, billable, status, duration_min, -1
          from old_entries where deleted_at is null) e
    join action_codes c on c.company_id = e.company_id and c.id = e.action_code_id
    group by 1, 2, 3, 4, 5, 6, 7, 8
    having sum(e.sign * e.duration_min) <> 0 or sum(e.sign) <> 0;
  end if;
  return null;
end $$;

create trigger entries_inserted after insert on timesheet_entries
  referencing new table as new_entries for each statement execute function entries_changed();
create trigger entries_updated after update on timesheet_entries
  referencing old table as old_entries new table as new_entries for each statement execute function entries_changed();
create trigger entries_deleted after delete on timesheet_entries
  referencing old table as old_entries for each statement execute function entries_changed();

-- What a code counts as has changed, and with it all its entries: those that follow the code in being billable, and all
-- of them if it becomes a code of absence or stops being one.
create function code_changed() returns trigger language plpgsql as $$
declare
  more_billable int := is_billable('auto', new.billable_default, new.type)::int
                  - is_billable('auto', old.billable_default, old.type)::int;
  more_absence int := is_absence(new.code)::int - is_absence(old.code)::int;
begin
  if more_billable = 0 and more_absence = 0 then return null; end if;
  perform lock_codes(new.company_id, true);
  insert into rollup_changes
  select e.company_id, e.user_id, e.day, e.action_code_id, e.work_mode, e.country, e.billable, e.status, 0,
         case e.billable when 'auto' then more_billable * sum(e.duration_min) else 0 end,
         more_absence * sum(e.duration_min), 0
  from timesheet_entries e
  where e.company_id = new.company_id and e.action_code_id = new.id and e.deleted_at is null and e.duration_min > 0
    and (e.billable = 'auto' or more_absence <> 0)
  group by 1, 2, 3, 4, 5, 6, 7, 8;
  return null;
end $$;
create trigger code_changed after update of code, type, billable_default on action_codes
  for each row execute function code_changed();

-- The entries that there are already, as changes: reports are right at once, and schedule-relay folds them in pieces.
insert into rollup_changes
select e.company_id, e.user_id, e.day, e.action_code_id, e.work_mode, e.country, e.billable, e.status,
       sum(e.duration_min),
       coalesce(sum(e.duration_min) filter (where is_billable(e.billable, c.billable_default, c.type)), 0),
       coalesce(sum(e.duration_min) filter (where is_absence(c.code)), 0), count(*)
from timesheet_entries e join action_codes c on c.company_id = e.company_id and c.id = e.action_code_id
where e.deleted_at is null
group by 1, 2, 3, 4, 5, 6, 7, 8;

-- Who joins a team brings what is folded of them; what is not folded yet follows by itself (report_teams).
create function add_to_team(company uuid, member uuid, team uuid, sign int) returns void language plpgsql as $$
begin
  perform lock_rollups(company);
  insert into rollup_teams as t
  select company, g.grain, g.start, team, sum(sign * r.minutes), sum(sign * r.billable_minutes),
         sum(sign * r.absence_minutes), sum(sign * r.approved_minutes), sum(sign * r.pending_minutes), sum(sign * r.entries)
  from rollup_places r
  cross join lateral (values ('d'::"char", r.start), ('w'::"char", date_trunc('week', r.start)::date),
                             ('m'::"char", date_trunc('month', r.start)::date)) as g (grain, start)
  where r.company_id = company and r.user_id = member and r.grain = 'd'
  group by g.grain, g.start
  on conflict (company_id, grain, start, team_id) do update set
    minutes = t.minutes + excluded.minutes, billable_minutes = t.billable_minutes + excluded.billable_minutes,
    absence_minutes = t.absence_minutes + excluded.absence_minutes,
    approved_minutes = t.approved_minutes + excluded.approved_minutes,
    pending_minutes = t.pending_minutes + excluded.pending_minutes, entries = t.entries + excluded.entries;
end $$;

create function member_changed() returns trigger language plpgsql as $$
declare
  was bool := tg_op <> 'INSERT' and old.deleted_at is null;
  becomes bool := tg_op <> 'DELETE' and new.deleted_at is null;
begin
  if was and becomes and (old.user_id, old.team_id) is not distinct from (new.user_id, new.team_id) then return null; end if;
  if was then perform add_to_team(old.company_id, old.user_id, old.team_id, -1); end if;
  if becomes then perform add_to_team(new.company_id, new.user_id, new.team_id, 1); end if;
  return null;
end $$;
create trigger member_changed after insert or update or delete on team_members
  for each row execute function member_changed();

-- ------------------------------------------------------------------------------------------ queue
-- Reports that are about to expire, for queue-reports.
alter table outbox drop constraint outbox_queue_check, add constraint outbox_queue_check
  check (queue in ('notifications', 'exports', 'live', 'push', 'reports'));

-- ------------------------------------------------------------------------------------------ saved reports
create table saved_reports (
  company_id uuid not null,
  id uuid not null,
  user_id uuid not null,                   -- whose it is, and with whose rights a shared link reads
  name varchar(255) not null,
  definition jsonb not null,               -- which report, its parameters, its time zone and first day of the week
  -- A link that anybody may read until it expires; null: not shared. A new link is a new id, so the old one ends.
  share_id uuid,
  share_expires_at timestamptz,
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  created_by_user_id uuid,
  updated_by_user_id uuid,
  primary key (company_id, id),
  constraint saved_reports_name_key unique (company_id, user_id, name),
  constraint saved_reports_share_check check ((share_id is null) = (share_expires_at is null)),
  foreign key (company_id, user_id) references users (company_id, id) on delete cascade
);
create unique index saved_reports_share_key on saved_reports (company_id, share_id) where share_id is not null;

-- ------------------------------------------------------------------------------------------ who may what
alter table timesheet_entries force row level security;
alter table timesheet_rows force row level security;
alter table action_codes force row level security;

do $$
declare t text;
begin
  foreach t in array array['rollup_changes', 'rollup_places', 'rollup_users', 'rollup_teams', 'rollup_codes',
      'saved_reports'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format($p$create policy tenant on %I to gogotime_app, gogotime_reader
      using (company_id = nullif(current_setting('app.company_id', true), '')::uuid)
      with check (company_id = nullif(current_setting('app.company_id', true), '')::uuid)$p$, t);
    execute format('create policy system on %I to gogotime_system using (true) with check (true)', t);
    execute format('grant select, insert, update, delete on %I to gogotime_app', t);
    execute format('grant select on %I to gogotime_reader', t);
    execute format('grant select on %I to gogotime_system', t);
  end loop;
end $$;
-- Entries that go with their row are deleted as the owner, and from PostgreSQL 18 on the triggers behind that run as the
-- owner too: if that is no superuser, it has to see what they read and write.
create policy owner on action_codes to current_user using (true) with check (true);
create policy owner on rollup_changes to current_user using (true) with check (true);
grant select on rollup_pending, report_users, report_teams, report_codes, report_places to gogotime_app, gogotime_reader;
