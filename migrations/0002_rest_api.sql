-- What the whole REST API needs beside the first slice: approvals, locks, calendar, menu, credentials, audit.
--
-- Expand only: a release of the first slice keeps working on this schema. Every new tenant table has the same
-- row-level security as those of 0001; the loop at the end gives it to them.

-- ------------------------------------------------------------------------------------------ people
-- The four statuses of domain.md §8; the catalogue is the platform's, not a company's.
insert into user_statuses (id, code, name, description, can_login, is_terminal) values
  (gen_random_uuid(), 'INVITED', 'Invited', 'Has not accepted the invitation yet', false, false),
  (gen_random_uuid(), 'ACTIVE', 'Active', 'Can log in', true, false),
  (gen_random_uuid(), 'SUSPENDED', 'Suspended', 'Cannot log in for now', false, false),
  (gen_random_uuid(), 'TERMINATED', 'Terminated', 'Has left', false, true)
on conflict do nothing;

-- A deleted role leaves its name to another.
alter table roles drop constraint roles_name_key;
create unique index roles_name_key on roles (company_id, name) where deleted_at is null;

alter table company_settings
  -- Hands in the week's open sheets at the end of the last working day (domain.md §7.6).
  add column auto_submit bool not null default false,
  add column auto_submit_hour smallint not null default 18 check (auto_submit_hour between 0 and 23),
  -- A new company can enter time at once: without an office no row in an office would be accepted.
  alter column default_country_code set default 'US',
  alter column office_country_codes set default '{US}';

-- Refresh tokens rotate. All tokens of a session begin with the same random bytes, of which family_hash is the
-- SHA-256: a token of the family that is neither the current one nor the one just replaced is a stolen one.
alter table active_sessions
  add column family_hash text,
  add column rotated_at timestamptz,
  add column remember_me bool not null default false;
create unique index active_sessions_family_idx on active_sessions (family_hash) where family_hash is not null;

alter table leave_requests
  add column decided_by_user_id uuid,
  add column decided_at timestamptz,
  add constraint leave_requests_range_check check (end_date >= start_date);

create table invitations (
  company_id uuid not null references companies on delete restrict,
  id uuid not null,                        -- the link carries it, signed; nothing secret is stored
  email citext not null,
  first_name varchar(255),
  last_name varchar(255),
  role_id uuid not null,
  team_id uuid,
  expires_at timestamptz not null,
  accepted_at timestamptz,
  revoked_at timestamptz,
  user_id uuid,                            -- who came of it
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  created_by_user_id uuid,
  updated_by_user_id uuid,
  primary key (company_id, id),
  foreign key (company_id, role_id) references roles (company_id, id) on delete restrict,
  foreign key (company_id, team_id) references teams (company_id, id) on delete set null (team_id)
);
-- One open invitation per address.
create unique index invitations_open_key on invitations (company_id, email)
  where accepted_at is null and revoked_at is null;

create table password_resets (
  company_id uuid not null,
  id uuid not null,                        -- the link carries it, signed
  user_id uuid not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  created_at timestamptz not null default now(),
  primary key (company_id, id),
  foreign key (company_id, user_id) references users (company_id, id) on delete cascade
);
create index password_resets_user_idx on password_resets (company_id, user_id);

-- Topics a user does not want mail about; no row: wanted.
create table notification_preferences (
  company_id uuid not null,
  user_id uuid not null,
  topic varchar(64) not null,
  email bool not null,
  updated_at timestamptz not null default now(),
  primary key (company_id, user_id, topic),
  foreign key (company_id, user_id) references users (company_id, id) on delete cascade
);

-- Every log-in of a known address, good or bad.
create table login_attempts (
  company_id uuid not null references companies on delete cascade,
  id uuid not null,
  email citext not null,
  user_id uuid,
  succeeded bool not null,
  reason varchar(32),
  ip inet,
  user_agent text,
  occurred_at timestamptz not null default now(),
  primary key (company_id, id)
);
create index login_attempts_user_idx on login_attempts (company_id, user_id, occurred_at desc);

-- Counters of attempts before anybody is known: about no company, so the system role's alone.
create table throttles (
  key text primary key,                    -- what is counted, and for whom: 'login:address:203.0.113.7'
  hits int not null,
  window_ends_at timestamptz not null
) with (fillfactor = 50);

-- ------------------------------------------------------------------------------------------ time
create table timesheet_approvals (
  company_id uuid not null,
  id uuid not null,
  timesheet_id uuid not null,
  approver_id uuid not null,
  status varchar(16) not null default 'PENDING' check (status in ('PENDING', 'APPROVED', 'REJECTED')),
  reason text,
  decided_at timestamptz,
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  created_by_user_id uuid,
  updated_by_user_id uuid,
  primary key (company_id, id),
  constraint timesheet_approvals_pair_key unique (company_id, timesheet_id, approver_id),
  constraint timesheet_approvals_sheet_fkey
    foreign key (company_id, timesheet_id) references timesheets (company_id, id) on delete cascade,
  constraint timesheet_approvals_approver_fkey
    foreign key (company_id, approver_id) references users (company_id, id) on delete restrict
);
create index timesheet_approvals_approver_idx on timesheet_approvals (company_id, approver_id);

-- Days on which nobody changes time any more, such as a month that payroll has closed.
create table period_locks (
  company_id uuid not null references companies on delete restrict,
  id uuid not null,
  period_start date not null,
  period_end date not null,
  reason text,
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  created_by_user_id uuid,
  updated_by_user_id uuid,
  primary key (company_id, id),
  constraint period_locks_range_check check (period_end >= period_start)
);
create index period_locks_range_idx on period_locks (company_id, period_start, period_end) where deleted_at is null;

create table holidays (
  company_id uuid not null references companies on delete restrict,
  id uuid not null,
  day date not null,
  name varchar(255) not null,
  country_code varchar(2),                 -- null: in every country
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  created_by_user_id uuid,
  updated_by_user_id uuid,
  primary key (company_id, id),
  constraint holidays_day_key unique nulls not distinct (company_id, day, country_code)
);

-- Who works when. A person without one works as company_settings.work_week says.
create table work_schedules (
  company_id uuid not null references companies on delete restrict,
  id uuid not null,
  name varchar(255) not null,
  -- Minutes from Monday to Sunday.
  minutes int[] not null
    constraint work_schedules_minutes_check check (cardinality(minutes) = 7 and 0 <= all (minutes) and 1440 >= all (minutes)),
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  created_by_user_id uuid,
  updated_by_user_id uuid,
  primary key (company_id, id),
  constraint work_schedules_name_key unique (company_id, name)
);

create table user_schedules (
  company_id uuid not null,
  user_id uuid not null,
  valid_from date not null,
  schedule_id uuid not null,
  created_at timestamptz not null default now(),
  created_by_user_id uuid,
  primary key (company_id, user_id, valid_from),
  constraint user_schedules_user_fkey
    foreign key (company_id, user_id) references users (company_id, id) on delete cascade,
  constraint user_schedules_schedule_fkey
    foreign key (company_id, schedule_id) references work_schedules (company_id, id) on delete restrict
);

-- ------------------------------------------------------------------------------------------ menu
create table menu_category (
  company_id uuid not null references companies on delete restrict,
  id uuid not null,
  key varchar(64) not null,
  title varchar(255) not null,
  icon varchar(64),
  sort_order int not null default 0,
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  created_by_user_id uuid,
  updated_by_user_id uuid,
  primary key (company_id, id),
  constraint menu_category_key_key unique (company_id, key)
);

create table menu_card (
  company_id uuid not null,
  id uuid not null,
  category_id uuid not null,
  title varchar(255) not null,
  subtitle varchar(255) not null default '',
  route varchar(255) not null,
  icon varchar(64),
  required_permission varchar(100),
  feature_flag varchar(64),
  is_enabled bool not null default true,
  sort_order int not null default 0,
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  created_by_user_id uuid,
  updated_by_user_id uuid,
  primary key (company_id, id),
  constraint menu_card_route_key unique (company_id, route),
  constraint menu_card_category_fkey
    foreign key (company_id, category_id) references menu_category (company_id, id) on delete restrict
);

-- ------------------------------------------------------------------------------------------ spine
-- What administrators did, for the audit log. Written with the change, in its transaction; append-only.
create table audit_logs (
  company_id uuid not null references companies on delete restrict,
  id uuid not null,
  actor_user_id uuid,
  entity varchar(64) not null,
  entity_id uuid not null,
  action varchar(32) not null,
  diff jsonb,
  request_id text,
  ip inet,
  user_agent text,
  created_at timestamptz not null default now(),
  primary key (company_id, id)
);
create index audit_logs_created_idx on audit_logs (company_id, created_at desc, id desc);
create index audit_logs_entity_idx on audit_logs (company_id, entity, entity_id);

-- Replies to requests that carried an Idempotency-Key, for 24 hours.
create table idempotency_keys (
  company_id uuid not null,
  user_id uuid not null,
  key varchar(255) not null,
  fingerprint text not null,               -- SHA-256 of method, path and body
  status smallint not null,
  body text not null,
  created_at timestamptz not null default now(),
  primary key (company_id, user_id, key),
  foreign key (company_id, user_id) references users (company_id, id) on delete cascade
);
create index idempotency_keys_created_idx on idempotency_keys (created_at);

-- ------------------------------------------------------------------------------------------ who may what
do $$
declare t text;
begin
  foreach t in array array['invitations', 'password_resets', 'notification_preferences', 'login_attempts',
      'timesheet_approvals', 'period_locks', 'holidays', 'work_schedules', 'user_schedules', 'menu_category',
      'menu_card', 'audit_logs', 'idempotency_keys'] loop
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
revoke update, delete on audit_logs, login_attempts from gogotime_app;
grant delete on idempotency_keys, password_resets, login_attempts to gogotime_system;
grant insert on password_resets, login_attempts to gogotime_system; -- log-in does not know the company yet

alter table throttles enable row level security;
alter table throttles force row level security;
create policy system on throttles to gogotime_system using (true) with check (true);
grant select, insert, update, delete on throttles to gogotime_system;

-- Routes that need `platform.manage`: a company is created in a transaction bound to its own new id.
grant insert on companies to gogotime_app;
-- The first one is created by schedule-migrate, as the owner: on RDS that is no superuser and needs to be a member.
grant gogotime_app to current_user;
grant insert, update on user_statuses to gogotime_app;
