//! `bench reports`: what a company-wide report costs – computed, beside the plain SQL over the entries; from a cache,
//! beside a bare `GET` of the same size; and how often 1,000 requests at once compute it. The function's own router
//! answers, in this process: the figures are what happens between request and reply.

use anyhow::{Context, Result, ensure};
use app::{App, Config};
use axum::{Router, body::Body, body::to_bytes, http::Request};
use cache::{Cache, Limits, Lookup, Origin, Settings};
use chrono::{DateTime, Datelike, Months, NaiveDate, TimeDelta, Utc};
use domain::{CompanyId, SessionId, UserId};
use futures_util::future::join_all;
use redis::AsyncCommands;
use serde::Deserialize;
use serde_json::json;
use std::{
    collections::HashMap,
    convert::Infallible,
    fs::{self, File},
    io::{Write, stdout},
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use tokio_postgres::{Client, NoTls, types::ToSql};
use tower::ServiceExt;
use uuid::Uuid;

/// Processes that ask at once, and how often each.
const PROCESSES: usize = 4;
const MISSES: usize = 1_000;
/// The report they ask for: it has to read the entries, so that it takes its time.
const SLOW: &str = "time?groupBy=user&subGroupBy=actionCode&period=lastMonth&limit=50";
/// Requests before the figures begin: connections are open, statements prepared, their plans made.
const WARM_UP: usize = 8;

/// Options of `bench reports`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
    /// Computations of each report; twenty times as many answers from the cache.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(10..))]
    requests: u16,
    /// Only what comes from the cache.
    #[arg(long)]
    cached: bool,
    /// A file that says where the database and the cache are.
    #[arg(long)]
    target: PathBuf,
    /// Ask as one of several processes: how often, and when (milliseconds since 1970).
    #[arg(long, hide = true, num_args = 2)]
    ask: Option<Vec<u64>>,
}

/// What `cargo xtask bench reports` has made ready.
#[derive(Deserialize)]
struct Target {
    /// As the role of the function.
    api_url: String,
    /// Whom row-level security does not bind: for the plain SQL, and to say that something has changed.
    owner_url: String,
    redis_url: String,
    jwt_key: String,
    company: CompanyId,
    /// Somebody who may see the whole company.
    user: UserId,
    /// Everybody in the company, and all weeks of it.
    people: i64,
    weeks: i64,
    /// The company's date.
    today: NaiveDate,
}

/// A report as a page opens with it.
struct Case {
    name: &'static str,
    /// Below `/api/reports/`.
    path: String,
    /// The same numbers from the entries, and for which days; none where no entries are read.
    plain: Option<(&'static str, NaiveDate, NaiveDate)>,
}

/// What one report costs, in milliseconds.
struct Figures {
    name: &'static str,
    p50: f64,
    p99: f64,
    /// The plain SQL, the best of a few.
    plain: Option<f64>,
    bytes: usize,
}

/// Measures, prints.
pub(crate) fn run(args: &Args) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let target: Target = serde_json::from_str(&fs::read_to_string(&args.target)?).context("--target")?;
    let mut out = own_output()?;
    if let Some([times, at]) = args.ask.as_deref() {
        return runtime.block_on(ask(target, usize::try_from(*times)?, *at, &mut out));
    }
    runtime.block_on(measure(args, target, &mut out))
}

/// Standard output for the figures alone: the function's metrics, which it writes there too, go nowhere.
fn own_output() -> Result<File> {
    let out = File::from(stdout().as_fd().try_clone_to_owned()?);
    rustix::stdio::dup2_stdout(File::options().write(true).open("/dev/null")?)?;
    Ok(out)
}

async fn measure(args: &Args, target: Target, out: &mut File) -> Result<()> {
    let bench = Bench::start(target, 2).await?;
    let mut figures = Vec::new();
    writeln!(out, "{} people, {} weeks of time", bench.target.people, bench.target.weeks)?;
    writeln!(
        out,
        "{:<26} {:>9} {:>9} {:>12} {:>8} {:>9}",
        "computed", "p50 ms", "p99 ms", "plain SQL ms", "ratio", "KB"
    )?;
    let cases = if args.cached { Vec::new() } else { cases(bench.target.today) };
    for case in cases {
        let it = bench.computed(&case, usize::from(args.requests)).await.context(case.name)?;
        let plain = it.plain.map_or("–".into(), |ms| format!("{ms:.0}"));
        let ratio = it.plain.map_or("–".into(), |ms| format!("{:.0}", ms / it.p50));
        let kilobytes = it.bytes.div_ceil(1000);
        writeln!(
            out,
            "{:<26} {:>9.2} {:>9.2} {plain:>12} {ratio:>8} {kilobytes:>9}",
            it.name, it.p50, it.p99
        )?;
        figures.push(it);
    }
    let hits = bench.hits(20 * usize::from(args.requests)).await?;
    let head = ["from the cache", "KB", "bare GET ms", "cache ms", "÷ GET", "request ms", "÷ GET"];
    let [name, bytes, get, kept, over, request, request_over] = head;
    writeln!(out, "\n{name:<26} {bytes:>9} {get:>12} {kept:>9} {over:>7} {request:>11} {request_over:>7}")?;
    for hit in &hits {
        let Hit { name, kept, request, get, bytes } = hit;
        let (kilobytes, over, request_over) = (bytes.div_ceil(1000), kept / get, request / get);
        writeln!(
            out,
            "{name:<26} {kilobytes:>9} {get:>12.3} {kept:>9.3} {over:>7.2} {request:>11.3} {request_over:>7.2}"
        )?;
    }
    let computations = bench.stampede(&args.target).await?;
    writeln!(out, "\n{MISSES} requests at once in {PROCESSES} processes: {computations} computation(s)")?;
    if args.json {
        let plain: f64 = figures.iter().filter_map(|it| it.plain).sum();
        let rolled: f64 = figures.iter().filter(|it| it.plain.is_some()).map(|it| it.p50).sum();
        let worst = |of: &dyn Fn(&Figures) -> f64| figures.iter().map(of).fold(0.0, f64::max);
        let over = |of: &dyn Fn(&Hit) -> f64| hits.iter().map(|hit| of(hit) / hit.get).fold(0.0, f64::max);
        writeln!(
            out,
            "{}",
            json!({
                "bench": "reports",
                "people": bench.target.people,
                "uncached_p50_ms": rounded(worst(&|it| it.p50)),
                "uncached_p99_ms": rounded(worst(&|it| it.p99)),
                "hit_over_redis_get": rounded(over(&|hit| hit.kept)),
                "hit_request_over_redis_get": rounded(over(&|hit| hit.request)),
                "computations_on_1000_misses": computations,
                "raw_over_rollup": rounded(plain / rolled),
            })
        )?;
    }
    Ok(())
}

fn rounded(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}

/// What the pages open with: a month of people, a year of the company.
fn cases(today: NaiveDate) -> Vec<Case> {
    let this_month = today.with_day(1).unwrap_or(today);
    let from = this_month - Months::new(1);
    let to = this_month - TimeDelta::days(1);
    let year = this_month - Months::new(11);
    let month = |path: &str| format!("{path}from={from}&to={to}");
    let months = |path: &str| format!("{path}from={year}&to={to}");
    let case = |name, path, plain| Case { name, path, plain };
    vec![
        case("month by person", month("time?groupBy=user&"), Some((BY_PERSON, from, to))),
        case("month by team", month("time?groupBy=team&"), Some((BY_TEAM, from, to))),
        case(
            "month by code × mode",
            month("time?groupBy=actionCode&subGroupBy=workMode&"),
            Some((BY_CODE_MODE, from, to)),
        ),
        case(
            "year by team × month",
            months("time?groupBy=team&subGroupBy=month&"),
            Some((BY_TEAM_MONTH, year, to)),
        ),
        case(
            "year by code × month",
            months("time?groupBy=actionCode&subGroupBy=month&"),
            Some((BY_CODE_MONTH, year, to)),
        ),
        case("year by country", months("time?groupBy=country&"), Some((BY_COUNTRY, year, to))),
        case("attendance, month", month("attendance?"), Some((BY_PERSON_WEEK, from, to))),
        case("utilisation by team, month", month("utilisation?groupBy=team&"), Some((BY_TEAM, from, to))),
        case("places by country, month", month("places?groupBy=country&"), Some((PLACES, from, to))),
        case("billing by code, month", month("billing?groupBy=actionCode&"), Some((BILLING, from, to))),
        case("compliance, month", month("compliance?"), None),
        case("approvals, month", month("approvals?"), None),
        case("absences, month", month("absences?"), None),
    ]
}

/// What the plain statements begin with.
macro_rules! plain {
    ($key:literal, $more:literal, $join:literal) => {
        concat!(
            "select ", $key, ", sum(e.duration_min), count(*),
                    sum(e.duration_min) filter (where is_billable(e.billable, c.billable_default, c.type)),
                    sum(e.duration_min) filter (where e.status in ('approved', 'invoiced'))", $more, "
             from timesheet_entries e
             join action_codes c on c.company_id = e.company_id and c.id = e.action_code_id ", $join, "
             where e.company_id = $1 and e.day between $2 and $3 and e.deleted_at is null
             group by ", $key
        )
    };
}

const BY_PERSON: &str = plain!("e.user_id", "", "");
const BY_TEAM: &str = plain!(
    "m.team_id",
    "",
    "join team_members m on m.company_id = e.company_id and m.user_id = e.user_id and m.deleted_at is null"
);
const BY_CODE_MODE: &str = plain!("e.action_code_id, e.work_mode", "", "");
const BY_TEAM_MONTH: &str = plain!(
    "m.team_id, date_trunc('month', e.day)",
    "",
    "join team_members m on m.company_id = e.company_id and m.user_id = e.user_id and m.deleted_at is null"
);
const BY_CODE_MONTH: &str = plain!("e.action_code_id, date_trunc('month', e.day)", "", "");
const BY_COUNTRY: &str = plain!("e.country", "", "");
const BY_PERSON_WEEK: &str = plain!("e.user_id, date_trunc('week', e.day)", ", count(distinct e.day)", "");
const PLACES: &str = plain!("e.work_mode, e.country", ", count(distinct (e.user_id, e.day))", "");
const BILLING: &str = plain!("e.action_code_id, e.status", "", "");

/// The function's router in this process, and a way around it.
struct Bench {
    target: Target,
    router: Router,
    token: String,
    owner: Client,
    now: DateTime<Utc>,
}

/// A report from the cache beside a `GET`.
struct Hit {
    name: &'static str,
    /// From the shared cache: fetched, checked, unpacked.
    kept: f64,
    /// The whole request: who asks, the data's version from PostgreSQL, the reply from the process's own cache.
    request: f64,
    get: f64,
    bytes: usize,
}

impl Bench {
    async fn start(target: Target, connections: usize) -> Result<Self> {
        let (owner, connection) =
            tokio_postgres::connect(&target.owner_url, NoTls).await.context("the database")?;
        tokio::spawn(connection);
        let folder = std::env::temp_dir();
        let variables: HashMap<&str, String> = HashMap::from([
            ("DATABASE_URL", target.api_url.clone()),
            ("DATABASE_POOL_SIZE", connections.to_string()),
            ("JWT_KEY", target.jwt_key.clone()),
            ("CACHE_URL", target.redis_url.clone()),
            ("MAIL_URL", format!("file://{}", folder.display())),
            ("EXPORTS_URL", format!("file://{}", folder.display())),
        ]);
        let app = App::new(Config::read(&|name| variables.get(name).cloned())?)
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        let (session, now) = (SessionId::new(), app.now());
        owner
            .execute(
                "insert into active_sessions (company_id, id, user_id, token_hash, expires_at) values ($1, $2, $3, $4, $5)",
                &[
                    &target.company.0,
                    &session.0,
                    &target.user.0,
                    &Uuid::new_v4().to_string(),
                    &(now + TimeDelta::days(1)),
                ],
            )
            .await?;
        let token = app.jwt().sign(target.company, target.user, session, "-", now, TimeDelta::hours(6))?;
        app.cache().await.ping().await;
        Ok(Self { router: app::router(app, api_reports::ROUTES), token, owner, now, target })
    }

    /// Asks; where the answer came from, and its bytes.
    async fn get(&self, path: &str) -> Result<(String, Vec<u8>)> {
        let request = Request::get(format!("/api/reports/{path}"))
            .header("authorization", format!("Bearer {}", self.token))
            .body(Body::empty())?;
        let reply = self.router.clone().oneshot(request).await?;
        let status = reply.status();
        let bytes = to_bytes(reply.into_body(), usize::MAX).await?.to_vec();
        ensure!(status == 200, "{path}: {status}: {}", String::from_utf8_lossy(&bytes));
        // In the first words of a reply; reading all of it would be counted as the function's time.
        let head = String::from_utf8_lossy(bytes.get(..200).unwrap_or(&bytes)).into_owned();
        let origin = head.split("\"cache\":\"").nth(1).and_then(|rest| rest.split('"').next());
        let origin = origin
            .with_context(|| format!("{path}: a reply that does not say where it comes from"))?
            .to_owned();
        Ok((origin, bytes))
    }

    /// Says that something has changed.
    async fn touch(&self) -> Result<()> {
        let sql = "insert into data_version (company_id, shard, version) values ($1, 0, 1)
                   on conflict (company_id, shard) do update set version = data_version.version + 1";
        self.owner.execute(sql, &[&self.target.company.0]).await?;
        Ok(())
    }

    async fn computed(&self, case: &Case, times: usize) -> Result<Figures> {
        let mut took = Vec::with_capacity(times);
        let mut bytes = 0;
        for round in 0..times + WARM_UP {
            self.touch().await?;
            let started = Instant::now();
            let (origin, body) = self.get(&case.path).await?;
            let time = started.elapsed();
            ensure!(origin == "miss", "{} came from {origin}", case.path);
            bytes = body.len();
            if round >= WARM_UP {
                took.push(time);
            }
        }
        let mut plain = None;
        if let Some((sql, from, to)) = case.plain {
            let statement = self.owner.prepare(sql).await?;
            let parameters: [&(dyn ToSql + Sync); 3] = [&self.target.company.0, &from, &to];
            for _ in 0..3 {
                let started = Instant::now();
                self.owner.query(&statement, &parameters).await?;
                let time = milliseconds(started.elapsed());
                plain = Some(plain.map_or(time, |best: f64| best.min(time)));
            }
        }
        Ok(Figures {
            name: case.name,
            p50: percentile(&mut took, 50),
            p99: percentile(&mut took, 99),
            plain,
            bytes,
        })
    }

    /// The same reports once they are kept: whole requests, beside a bare `GET` of a value as long as the reply.
    async fn hits(&self, times: usize) -> Result<Vec<Hit>> {
        let client = redis::Client::open(self.target.redis_url.as_str())?;
        let mut redis = client.get_multiplexed_async_connection().await?;
        let mut hits = Vec::new();
        for (name, path) in [
            ("100 people", "time?groupBy=user&period=lastMonth"),
            ("1,000 people", "time?groupBy=user&period=lastMonth&limit=1000"),
        ] {
            let (_, body) = self.get(path).await?;
            let key = format!("bench:{}", body.len());
            let (): () = redis.set_ex(&key, &body, 600).await?;
            let (mut ours, mut bare) = (Vec::new(), Vec::new());
            // In turns, so that both meet the same noise.
            for _ in 0..times {
                let started = Instant::now();
                let (origin, _) = self.get(path).await?;
                ours.push(started.elapsed());
                ensure!(origin == "hit", "{path} came from {origin}");
                let started = Instant::now();
                let value: Vec<u8> = redis.get(&key).await?;
                bare.push(started.elapsed());
                ensure!(value.len() == body.len(), "the cache lost the bench's value");
            }
            let kept = self.kept(&body, times).await?;
            let [request, get] = [&mut ours, &mut bare].map(|times| percentile(times, 50));
            hits.push(Hit { name, kept, request, get, bytes: body.len() });
        }
        Ok(hits)
    }

    /// What the shared cache alone takes to give back a reply, without the process's own.
    async fn kept(&self, body: &[u8], times: usize) -> Result<f64> {
        let limits = Limits { memory: Duration::ZERO, ..Limits::default() };
        let cache =
            Cache::redis(Settings { url: self.target.redis_url.clone(), limits, ..Settings::default() })?;
        let version = Uuid::new_v4().to_string();
        let lookup = Lookup { name: "bench".into(), version, number: i64::try_from(app_now())? };
        let compute = || async { Ok::<_, Infallible>(body.to_vec()) };
        cache.answer(&lookup, self.now, compute()).await?;
        let mut took = Vec::new();
        for _ in 0..times {
            let started = Instant::now();
            let answer = cache.answer(&lookup, self.now, compute()).await?;
            took.push(started.elapsed());
            ensure!(
                answer.origin == Origin::Hit && answer.kept.value == body,
                "the cache lost the bench's reply"
            );
        }
        Ok(percentile(&mut took, 50))
    }

    /// Many processes ask for the same at once; how often it is computed.
    async fn stampede(&self, target: &Path) -> Result<i64> {
        self.touch().await?;
        let begin = app_now() + 1_500; // all are there by then
        let children: Vec<_> = (0..PROCESSES)
            .map(|_| {
                Command::new(std::env::current_exe()?)
                    .args(["reports", "--target"])
                    .arg(target)
                    .args(["--ask", &(MISSES / PROCESSES).to_string(), &begin.to_string()])
                    .stdout(Stdio::piped())
                    .spawn()
            })
            .collect::<Result<_, _>>()?;
        let mut computations = 0;
        for child in children {
            let output = child.wait_with_output()?;
            ensure!(output.status.success(), "a process failed");
            computations += String::from_utf8(output.stdout)?.trim().parse::<i64>()?;
        }
        Ok(computations)
    }
}

/// One of several processes: asks at the given moment, all at once; prints how often it computed.
async fn ask(target: Target, times: usize, at: u64, out: &mut File) -> Result<()> {
    let bench = Bench::start(target, 4).await?;
    bench.get("time?groupBy=month&period=lastYear").await?; // connections, and who is asking
    tokio::time::sleep(Duration::from_millis(at.saturating_sub(app_now()))).await;
    let mut computed = 0;
    for answer in join_all((0..times).map(|_| bench.get(SLOW))).await {
        computed += u32::from(answer?.0 != "hit");
    }
    writeln!(out, "{computed}")?;
    Ok(())
}

fn app_now() -> u64 {
    u64::try_from(chrono::Utc::now().timestamp_millis()).unwrap_or_default()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    let place = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(place).copied().map_or(0.0, milliseconds)
}
