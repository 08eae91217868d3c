-- The whole first slice: people, time, and the spine (outbox, exports, mail, live).
--
-- Why it looks like this (docs/architecture.md has the long version):
-- * Names are GoGoTime's own (domain.md §3) in snake_case, so an imported database maps one to one.
-- * Every tenant table carries company_id in its primary and foreign keys, and FORCEd row-level security:
--   a row of another company cannot be read, written or referenced, whatever a query forgets.
-- * Three group roles, chosen per transaction with set_config('role', …, true):
--     gogotime_app     reads and writes one company, the one in app.company_id
--     gogotime_reader  the same, read only
--     gogotime_system  crosses companies: log-in, outbox relay, schedules, sockets
--   Two log-in roles: gogotime_api may become app or reader, gogotime_worker also system.
-- * Ids come from the application (UUID v7); states are text with CHECK, because PG enums cost a
--   look-up per connection and sequences pin an RDS Proxy.

create extension if not exists citext;

do $$
declare r text;
begin
  foreach r in array array['gogotime_app', 'gogotime_reader', 'gogotime_system'] loop
    if not exists (select from pg_roles where rolname = r) then execute format('create role %I nologin', r); end if;
  end loop;
  foreach r in array array['gogotime_api', 'gogotime_worker'] loop
    if not exists (select from pg_roles where rolname = r) then execute format('create role %I login noinherit', r); end if;
    -- On RDS these two log in with IAM tokens; elsewhere the role does not exist.
    if exists (select from pg_roles where rolname = 'rds_iam') then execute format('grant rds_iam to %I', r); end if;
  end loop;
end $$;
grant gogotime_app, gogotime_reader to gogotime_api;
grant gogotime_app, gogotime_reader, gogotime_system to gogotime_worker;

-- Limits hold for every connection of the two log-in roles, also those that forget to ask.
alter role gogotime_api set statement_timeout = '25s';
alter role gogotime_api set lock_timeout = '5s';
alter role gogotime_api set idle_in_transaction_session_timeout = '30s';
alter role gogotime_worker set statement_timeout = '10min';
alter role gogotime_worker set lock_timeout = '5s';
alter role gogotime_worker set idle_in_transaction_session_timeout = '15min';

-- ------------------------------------------------------------------------------------------ people
create table companies (
  id uuid primary key,
  name varchar(255) not null,
  timezone varchar(255) not null default 'UTC',
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  created_by_user_id uuid,
  updated_by_user_id uuid,
  constraint companies_name_key unique (name)
);

create table company_settings (
  company_id uuid primary key references companies on delete cascade,
  timezone text not null default 'UTC',
  work_week jsonb not null default '{"monday":[9,17],"tuesday":[9,17],"wednesday":[9,17],"thursday":[9,17],"friday":[9,17]}',
  holiday_calendar text,
  timesheet_approver_policy varchar(32) not null default 'manager_of_user'
    check (timesheet_approver_policy in ('manager_of_user', 'role_manager', 'explicit')),
  allowed_email_domains text[],
  require_company_email bool not null default false,
  default_country_code varchar(2),
  default_location varchar(32) not null default 'Office' check (default_location in ('Office', 'Homeworking', 'Hybrid')),
  office_country_codes text[],
  max_weekly_minutes int not null default 2400 check (max_weekly_minutes between 1 and 10080),
  -- Local hour after which the nightly export of the day before is written; null switches it off.
  nightly_export_hour smallint default 2 check (nightly_export_hour between 0 and 23),
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  created_by_user_id uuid,
  updated_by_user_id uuid
);

create table user_statuses (
  id uuid primary key,
  code varchar(50) not null unique,
  name varchar(50) not null unique,
  description text,
  can_login bool not null default true,
  is_terminal bool not null default false,
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  created_by_user_id uuid,
  updated_by_user_id uuid
);

create table roles (
  company_id uuid not null references companies on delete restrict,
  id uuid not null,
  name varchar(50) not null,
  description text,
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  created_by_user_id uuid,
  updated_by_user_id uuid,
  primary key (company_id, id),
  constraint roles_name_key unique (company_id, name)
);

create table permissions (
  company_id uuid not null references companies on delete restrict,
  id uuid not null,
  name varchar(100) not null,
  description text,
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  created_by_user_id uuid,
  updated_by_user_id uuid,
  primary key (company_id, id),
  constraint permissions_name_key unique (company_id, name)
);

create table role_permissions (
  company_id uuid not null,
  id uuid not null,
  role_id uuid not null,
  permission_id uuid not null,
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  created_by_user_id uuid,
  updated_by_user_id uuid,
  primary key (company_id, id),
  constraint role_permissions_pair_key unique (company_id, role_id, permission_id),
  foreign key (company_id, role_id) references roles (company_id, id) on delete restrict,
  foreign key (company_id, permission_id) references permissions (company_id, id) on delete restrict
);

create table users (
  company_id uuid not null references companies on delete restrict,
  id uuid not null,
  email citext not null,
  first_name varchar(255) not null,
  last_name varchar(255) not null,
  password_hash varchar(255) not null,
  must_change_password_at_next_login bool not null default false,
  role_id uuid not null,
  phone_number varchar(32),
  last_login timestamptz,
  is_anonymized bool not null default false,
  status_id uuid not null references user_statuses on delete restrict,
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  created_by_user_id uuid,
  updated_by_user_id uuid,
  primary key (company_id, id),
  constraint users_email_key unique (company_id, email),
  foreign key (company_id, role_id) references roles (company_id, id) on delete restrict
);
create index users_email_idx on users (email);
create index users_role_idx on users (company_id, role_id);

create table active_sessions (
  company_id uuid not null,
  id uuid not null,
  user_id uuid not null,
  token_hash text not null,
  previous_token_hash text,
  expires_at timestamptz not null,
  revoked_at timestamptz,
  last_seen_at timestamptz,
  ip inet,
  user_agent text,
  device_id text,
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  created_by_user_id uuid,
  updated_by_user_id uuid,
  primary key (company_id, id),
  constraint active_sessions_token_hash_key unique (token_hash),
  foreign key (company_id, user_id) references users (company_id, id) on delete restrict
);
create index active_sessions_user_idx on active_sessions (company_id, user_id);
create index active_sessions_expires_idx on active_sessions (expires_at);

create table teams (
  company_id uuid not null references companies on delete restrict,
  id uuid not null,
  name varchar(255) not null,
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  created_by_user_id uuid,
  updated_by_user_id uuid,
  primary key (company_id, id)
);

create table team_members (
  company_id uuid not null,
  id uuid not null,
  team_id uuid not null,
  user_id uuid not null,
  role varchar(50) not null default 'member', -- 'lead' approves the team's weeks
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  created_by_user_id uuid,
  updated_by_user_id uuid,
  primary key (company_id, id),
  constraint team_members_pair_key unique (company_id, team_id, user_id),
  foreign key (company_id, team_id) references teams (company_id, id) on delete restrict,
  foreign key (company_id, user_id) references users (company_id, id) on delete restrict
);
create index team_members_user_idx on team_members (company_id, user_id);

create table leave_requests (
  company_id uuid not null,
  id uuid not null,
  user_id uuid not null,
  start_date date not null,
  end_date date not null,
  leave_type varchar(20) not null check (leave_type in ('PTO', 'SICK', 'UNPAID')),
  status varchar(20) not null default 'PENDING' check (status in ('PENDING', 'APPROVED', 'REJECTED', 'CANCELLED')),
  reason text,
  rejection_reason text,
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  created_by_user_id uuid,
  updated_by_user_id uuid,
  primary key (company_id, id),
  foreign key (company_id, user_id) references users (company_id, id) on delete restrict
);
create index leave_requests_user_idx on leave_requests (company_id, user_id);
create index leave_requests_range_idx on leave_requests (company_id, start_date, end_date);

-- ------------------------------------------------------------------------------------------ time
create table action_code_categories (
  company_id uuid not null references companies on delete cascade,
  id uuid not null,
  name varchar(255) not null,
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  created_by_user_id uuid,
  updated_by_user_id uuid,
  primary key (company_id, id),
  constraint action_code_categories_name_key unique (company_id, name)
);

create table action_codes (
  company_id uuid not null references companies on delete restrict,
  id uuid not null,
  code varchar(255) not null,
  name varchar(255) not null,
  color varchar(7) not null default '#000000',
  type varchar(16) not null default 'billable' check (type in ('billable', 'non-billable')),
  active bool not null default true,
  allow_time_logging bool not null default true,
  billable_default varchar(24) not null default 'auto' check (billable_default in ('billable', 'non-billable', 'auto')),
  billable_editable bool not null default false,
  location_policy varchar(32) not null default 'any' check (location_policy in ('any', 'office_only', 'homeworking_only')),
  category_id uuid,
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  created_by_user_id uuid,
  updated_by_user_id uuid,
  primary key (company_id, id),
  constraint action_codes_code_key unique (company_id, code),
  foreign key (company_id, category_id) references action_code_categories (company_id, id) on delete set null (category_id)
);

create table timesheets (
  company_id uuid not null,
  id uuid not null,
  user_id uuid not null,
  period_start date not null,
  period_end date not null,
  status varchar(16) not null default 'DRAFT' check (status in ('DRAFT', 'SUBMITTED', 'APPROVED', 'REJECTED')),
  submitted_at timestamptz,
  submitted_by_user_id uuid,
  approved_at timestamptz,
  approver_id uuid,
  total_minutes int not null default 0,
  notes text,
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  created_by_user_id uuid,
  updated_by_user_id uuid,
  primary key (company_id, id),
  constraint timesheets_period_key unique (company_id, user_id, period_start, period_end),
  foreign key (company_id, user_id) references users (company_id, id) on delete restrict
);
create index timesheets_status_idx on timesheets (company_id, status);
create index timesheets_week_idx on timesheets (company_id, period_start);

create table timesheet_rows (
  company_id uuid not null,
  id uuid not null,
  user_id uuid not null,
  timesheet_id uuid not null,
  activity_label varchar(255) not null,
  time_code_id uuid not null,
  billable varchar(24) not null default 'auto' check (billable in ('billable', 'non-billable', 'auto')),
  location varchar(32) not null default 'Office' check (location in ('Office', 'Homeworking', 'Hybrid')),
  employee_country_code varchar(2),
  country_code varchar(2) not null,
  status varchar(24) not null default 'draft' check (status in ('draft', 'submitted', 'approved', 'rejected')),
  locked bool not null default false,
  sort_order int not null default 0,
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  created_by_user_id uuid,
  updated_by_user_id uuid,
  primary key (company_id, id),
  foreign key (company_id, timesheet_id) references timesheets (company_id, id) on delete cascade,
  foreign key (company_id, user_id) references users (company_id, id) on delete restrict,
  foreign key (company_id, time_code_id) references action_codes (company_id, id) on delete restrict
);
create index timesheet_rows_sheet_idx on timesheet_rows (company_id, timesheet_id);

create table timesheet_entries (
  company_id uuid not null,
  id uuid not null,
  user_id uuid not null,
  timesheet_id uuid,
  timesheet_row_id uuid,
  action_code_id uuid not null,
  work_mode varchar(8) not null default 'office' check (work_mode in ('office', 'remote', 'hybrid')),
  country varchar(2) not null,
  started_at timestamptz,
  ended_at timestamptz,
  duration_min int not null constraint timesheet_entries_duration_check check (duration_min between 0 and 1440),
  day date not null,
  note text,
  status varchar(32) not null default 'saved'
    check (status in ('saved', 'pending_approval', 'approved', 'rejected', 'invoiced')),
  status_updated_at timestamptz,
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  created_by_user_id uuid,
  updated_by_user_id uuid,
  primary key (company_id, id),
  constraint timesheet_entries_cell_key unique (company_id, timesheet_row_id, day),
  foreign key (company_id, timesheet_id) references timesheets (company_id, id) on delete set null (timesheet_id),
  foreign key (company_id, timesheet_row_id) references timesheet_rows (company_id, id) on delete cascade,
  foreign key (company_id, user_id) references users (company_id, id) on delete restrict,
  foreign key (company_id, action_code_id) references action_codes (company_id, id) on delete restrict
);
create index timesheet_entries_sheet_idx on timesheet_entries (company_id, timesheet_id);
create index timesheet_entries_day_idx on timesheet_entries (company_id, day);

create table timesheet_history (
  company_id uuid not null references companies on delete restrict,
  id uuid not null,
  user_id uuid not null,
  target_type varchar(32) not null check (target_type in ('Timesheet', 'TimesheetEntry', 'TimesheetApproval', 'ActionCode')),
  target_id uuid not null,
  action varchar(32) not null,
  actor_user_id uuid,
  reason text,
  diff jsonb,
  metadata jsonb,
  occurred_at timestamptz not null default now(),
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  created_by_user_id uuid,
  updated_by_user_id uuid,
  primary key (company_id, id)
);
create index timesheet_history_target_idx on timesheet_history (company_id, target_type, target_id);
create index timesheet_history_user_idx on timesheet_history (company_id, user_id);

-- One counter per company, in 16 shards so that a company's writers rarely wait for each other.
-- Bumped as the last statement of every transaction that changes what reports show; all shards
-- together are part of every cache key, so a committed write can never be answered from before it.
create table data_version (
  company_id uuid not null references companies on delete cascade,
  shard smallint not null check (shard between 0 and 15),
  version bigint not null default 0,
  primary key (company_id, shard)
) with (fillfactor = 50);

-- ------------------------------------------------------------------------------------------ spine
-- What a transaction wants to happen elsewhere: one row per message and queue. With SQS the request
-- publishes and deletes its rows right after commit (they are born claimed, so the relay leaves them
-- alone meanwhile) and the relay sweeps what a crash left. Without SQS this table is the queue.
create table outbox (
  id uuid primary key,
  company_id uuid,                         -- null: about no company, such as a socket that said nothing yet
  queue text not null check (queue in ('notifications', 'exports', 'live', 'push')),
  topic text not null,
  message jsonb not null,                  -- the envelope, exactly what a consumer receives
  created_at timestamptz not null default clock_timestamp(),
  available_at timestamptz not null default clock_timestamp(),
  claim uuid,                              -- fencing token: only its holder may delete or postpone
  claimed_until timestamptz,
  attempts int not null default 0,
  dead_at timestamptz,                     -- dead letter, Postgres queue only
  last_error text
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
create index outbox_ready_idx on outbox (queue, company_id, available_at, id) where dead_at is null;

create table exports (
  company_id uuid not null references companies on delete restrict,
  id uuid not null,
  kind text not null check (kind in ('on_demand', 'nightly')),
  format text not null check (format in ('csv')),
  status text not null default 'queued' check (status in ('queued', 'running', 'ready', 'failed', 'expired')),
  period_from date not null,
  period_to date not null,
  local_date date,                         -- nightly only: the company's date it belongs to
  fingerprint text not null,               -- same request on the same data: the same job
  requested_by uuid,                       -- null for nightly
  rows_done bigint not null default 0,
  rows_estimated bigint not null default 0,
  bytes bigint,
  sha256 text,
  file text,                               -- key in the object store
  error text,
  lease uuid,                              -- fencing token of the running attempt
  lease_until timestamptz,
  attempts int not null default 0,
  started_at timestamptz,
  finished_at timestamptz,
  expires_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (company_id, id),
  constraint exports_nightly_key unique (company_id, kind, local_date)
);
create unique index exports_fingerprint_key on exports (company_id, fingerprint) where status in ('queued', 'running');
create index exports_created_idx on exports (company_id, created_at desc);

create table email_logs (
  company_id uuid not null,
  id uuid not null,
  dedupe_key text not null,                -- message id and recipient: one mail each, however often delivered
  to_email citext not null,
  to_name text,
  template varchar(64) not null,
  template_data jsonb not null default '{}',
  status varchar(16) not null default 'QUEUED' check (status in ('QUEUED', 'SENDING', 'SENT', 'FAILED')),
  claim uuid,
  claimed_until timestamptz,
  attempts int not null default 0,
  provider_message_id text,
  error text,
  sent_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (company_id, id),
  constraint email_logs_dedupe_key unique (company_id, dedupe_key)
);

-- A channel's head. Its row lock orders publications (offsets are handed out in commit order) and
-- closes the race between a new subscriber and a new publication.
create table live_channels (
  company_id uuid not null references companies on delete cascade,
  channel text not null,                   -- company:{id}, team:{id} or user:{id}
  epoch text not null,
  top bigint not null default 0,
  primary key (company_id, channel)
) with (fillfactor = 50);

create table live_publications (
  company_id uuid not null,
  channel text not null,
  position bigint not null,                -- the protocol's `offset`
  message_id uuid not null,                -- the outbox message it came from: a redelivery finds it here
  data jsonb not null,
  created_at timestamptz not null default now(),
  primary key (company_id, channel, position),
  constraint live_publications_message_key unique (company_id, channel, message_id),
  foreign key (company_id, channel) references live_channels (company_id, channel) on delete cascade
);
create index live_publications_created_idx on live_publications (created_at);

-- Open sockets. A row is born at $connect without a company and gets one with a valid connect token.
create table live_connections (
  id text primary key,                     -- API Gateway's connection id
  company_id uuid,
  user_id uuid,
  session_id uuid,
  client uuid not null,                    -- the protocol's client id
  connected_at timestamptz not null default now(),
  token_expires_at timestamptz,
  foreign key (company_id, user_id) references users (company_id, id) on delete cascade
);
create index live_connections_user_idx on live_connections (company_id, user_id);

create table live_subscriptions (
  company_id uuid not null,
  channel text not null,
  connection_id text not null references live_connections on delete cascade,
  subscribed_at timestamptz not null default clock_timestamp(),
  primary key (company_id, channel, connection_id)
);
create index live_subscriptions_connection_idx on live_subscriptions (connection_id);

-- ------------------------------------------------------------------------------------------ who may what
do $$
declare t text;
begin
  foreach t in array array['company_settings', 'roles', 'permissions', 'role_permissions', 'users', 'active_sessions',
      'teams', 'team_members', 'leave_requests', 'action_code_categories', 'action_codes', 'timesheets',
      'timesheet_rows', 'timesheet_entries', 'timesheet_history', 'data_version', 'outbox', 'exports', 'email_logs',
      'live_channels', 'live_publications', 'live_connections', 'live_subscriptions'] loop
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

-- companies has no company_id: its id is the company.
alter table companies enable row level security;
alter table companies force row level security;
create policy tenant on companies to gogotime_app, gogotime_reader
  using (id = nullif(current_setting('app.company_id', true), '')::uuid)
  with check (id = nullif(current_setting('app.company_id', true), '')::uuid);
create policy system on companies to gogotime_system using (true) with check (true);
grant select, update on companies to gogotime_app;
grant select on companies to gogotime_reader, gogotime_system;
grant select on user_statuses to gogotime_app, gogotime_reader, gogotime_system;

-- History is append-only for the application.
revoke update, delete on timesheet_history from gogotime_app;

-- The system role writes only where its work is.
grant insert, update, delete on outbox, live_connections, live_subscriptions to gogotime_system;
grant insert, update on exports, live_channels to gogotime_system;
grant delete on live_publications to gogotime_system;
grant insert on active_sessions to gogotime_system;
grant update (last_login, version, updated_at) on users to gogotime_system;
