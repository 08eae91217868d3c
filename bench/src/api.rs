//! `bench api`: what a warm request costs – CPU in the function and in PostgreSQL – and how many a second there are
//! with one instance and with four. Each function runs as deployed, one process and one connection per instance,
//! against a database that `cargo xtask bench api` has made and filled.

use crate::instance::{Instance, Reply, Request};
use crate::process::usage_at_rest;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

/// Rows of the week, and days of each.
const WEEK: (usize, usize) = (5, 5);
/// Instances of the second throughput figure.
const MANY: usize = 4;
/// Requests before the figures begin: connections are open, statements prepared, their plans made.
const WARM_UP: u32 = 20;

/// Options of `bench api`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
    /// Measured requests of each kind; of log-in, which is slow on purpose, a tenth.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(10..))]
    requests: u32,
    /// Where cargo put the functions: `release`, or `debug` to try the bench itself.
    #[arg(long, default_value = "release")]
    folder: String,
    /// A file that says where the database is and who is in it.
    #[arg(long)]
    target: PathBuf,
}

/// What `cargo xtask bench api` has made ready.
#[derive(Deserialize)]
struct Target {
    /// As the role of the functions that never cross companies.
    api_url: String,
    /// As the role of log-in.
    worker_url: String,
    /// Nobody else uses it.
    database: String,
    jwt_key: String,
    /// Employees of one company.
    people: Vec<String>,
    password: String,
    /// The current Monday where they are.
    week: String,
}

/// One kind of request.
struct Case {
    name: &'static str,
    function: &'static str,
    /// Whose connection it uses: the API's, or the worker's.
    worker: bool,
    requests: u32,
    /// By person: what to send, in turns.
    turns: Vec<Vec<Request>>,
}

/// What one kind of request costs.
struct Figures {
    name: &'static str,
    /// CPU of the function per request.
    cpu_ms: f64,
    /// CPU of PostgreSQL per request.
    database_ms: f64,
    /// Statements, without BEGIN and COMMIT.
    statements: u32,
    /// Requests per second.
    one: f64,
    /// With [`MANY`] instances and as many people.
    many: f64,
}

/// Measures, prints.
pub(crate) fn run(args: &Args) -> Result<()> {
    let target: Target = serde_json::from_str(&fs::read_to_string(&args.target)?).context("--target")?;
    ensure!(target.people.len() >= MANY, "{MANY} people are needed");
    let bench = Bench { workspace: Workspace::load()?.built_in(&args.folder), target };
    let cases = bench.cases(args.requests)?;
    let figures = cases.iter().map(|case| bench.measure(case)).collect::<Result<Vec<_>>>()?;
    print(&figures, args.requests);
    if args.json {
        println!("{}", report(&figures, args.requests));
    }
    Ok(())
}

struct Bench {
    workspace: Workspace,
    target: Target,
}

impl Bench {
    /// Logs everybody in, gives everybody a full week, and says what will be asked.
    fn cases(&self, requests: u32) -> Result<Vec<Case>> {
        let mut login = self.start("api-login", true)?;
        let mut codes = self.start("api-codes", false)?;
        let mut timesheets = self.start("api-timesheets", false)?;
        let week = format!("/api/timesheet/weeks/{}/timesheet", self.target.week);
        let case = |name, function, requests| Case {
            name,
            function,
            worker: function == "api-login",
            requests,
            turns: Vec::new(),
        };
        let mut cases = [
            case("week_get", "api-timesheets", requests),
            case("week_put", "api-timesheets", requests),
            case("users_me", "api-users", requests),
            case("action_codes", "api-codes", requests),
            case("login", "api-login", requests / 10),
        ];
        for email in self.target.people.iter().take(MANY) {
            let credentials = json!({ "email": email, "password": self.target.password });
            let log_in = request("POST", "/api/auth/login", None, Some(credentials));
            let token = login.send(&log_in)?.json().with_context(|| format!("logging {email} in"))?["token"]
                .as_str()
                .context("a token")?
                .to_owned();
            let get = |path: &str| request("GET", path, Some(&token), None);
            let put = |rows: &Value| request("PUT", &week, Some(&token), Some(json!({ "rows": rows })));

            let codes = codes.send(&get("/api/action-codes"))?.json()?;
            let stored = timesheets.send(&put(&rows(&codes, &self.target.week)?))?.json()?;
            let stored = &stored["rows"];
            let cells = stored.as_array().into_iter().flatten().filter_map(|row| row["entries"].as_array());
            let cells = cells.map(Vec::len).sum::<usize>();
            ensure!(cells == WEEK.0 * WEEK.1, "the week has {cells} cells");

            let turns = [
                vec![get(&week)],
                vec![put(&with_minutes(stored, 61)), put(&with_minutes(stored, 60))],
                vec![get("/api/users/me")],
                vec![get("/api/action-codes")],
                vec![log_in],
            ];
            for (case, turns) in cases.iter_mut().zip(turns) {
                case.turns.push(turns);
            }
        }
        Ok(cases.into())
    }

    fn measure(&self, case: &Case) -> Result<Figures> {
        let context = || format!("measuring {}", case.name);
        let mut instance = self.start(case.function, case.worker).with_context(context)?;
        let turns = &case.turns[0];
        let warm = drive(&mut instance, turns, WARM_UP).with_context(context)?;
        let backends = self.backends()?;
        ensure!(!backends.is_empty(), "no PostgreSQL process of {} is to be seen", self.target.database);
        let before = (instance.usage()?.cpu_ms, cpu(&backends)?);
        let begun = Instant::now();
        drive(&mut instance, turns, case.requests).with_context(context)?;
        let took = begun.elapsed();
        let after = (instance.usage()?.cpu_ms, cpu(&backends)?);
        ensure!(self.backends()? == backends, "connections were opened or closed meanwhile");
        drop(instance);

        let per = |cost: f64| cost / f64::from(case.requests);
        Ok(Figures {
            name: case.name,
            cpu_ms: per(after.0 - before.0),
            database_ms: per(after.1 - before.1),
            statements: warm.statements()?,
            one: f64::from(case.requests) / took.as_secs_f64(),
            many: self.many(case).with_context(context)?,
        })
    }

    /// Requests per second of [`MANY`] instances at once, each for another person.
    fn many(&self, case: &Case) -> Result<f64> {
        let mut instances = case
            .turns
            .iter()
            .map(|turns| {
                let mut instance = self.start(case.function, case.worker)?;
                drive(&mut instance, turns, WARM_UP)?;
                Ok((instance, turns))
            })
            .collect::<Result<Vec<_>>>()?;
        let begun = Instant::now();
        thread::scope(|scope| {
            let threads: Vec<_> = instances
                .iter_mut()
                .map(|(instance, turns)| scope.spawn(|| drive(instance, turns, case.requests).map(drop)))
                .collect();
            threads.into_iter().try_for_each(|thread| match thread.join() {
                Ok(outcome) => outcome,
                Err(_) => bail!("a thread of the bench panicked"),
            })
        })?;
        let took = begun.elapsed();
        let total = f64::from(case.requests) * f64::from(u32::try_from(instances.len())?);
        Ok(total / took.as_secs_f64())
    }

    fn start(&self, function: &str, worker: bool) -> Result<Instance> {
        let url = if worker { &self.target.worker_url } else { &self.target.api_url };
        let variables = [
            ("STAGE", "local".to_owned()), // says how many statements there were
            ("LOG_LEVEL", "info".to_owned()),
            ("DATABASE_URL", url.clone()),
            ("DATABASE_POOL_SIZE", "1".to_owned()),
            ("JWT_KEY", self.target.jwt_key.clone()),
            ("AWS_REGION", "eu-west-1".to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ];
        Instance::start(&self.workspace.binary(function)?, function, &variables)
    }

    /// The processes of PostgreSQL that serve the functions, by the title that each gives itself:
    /// `postgres: ROLE DATABASE ADDRESS(PORT) STATE`. `pg_stat_activity` lists the same ones.
    fn backends(&self) -> Result<Vec<u32>> {
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").context("Linux is needed")? {
            let Ok(pid) = entry?.file_name().to_string_lossy().parse::<u32>() else { continue };
            // A process may end meanwhile.
            let title = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("cmdline"));
            let title = title.unwrap_or_default();
            if title.starts_with("postgres: ") && title.split(' ').nth(2) == Some(&self.target.database) {
                found.push(pid);
            }
        }
        found.sort_unstable();
        Ok(found)
    }
}

/// CPU of some processes so far, in milliseconds.
fn cpu(pids: &[u32]) -> Result<f64> {
    pids.iter().map(|pid| Ok(usage_at_rest(*pid)?.cpu_ms)).sum()
}

/// Sends requests in turns; the last answer. An answer that is a refusal fails.
fn drive(instance: &mut Instance, turns: &[Request], requests: u32) -> Result<Reply> {
    let mut last = None;
    for (request, _) in turns.iter().cycle().zip(0..requests) {
        let reply = instance.send(request)?;
        if reply.status_code != 200 {
            reply.json()?;
            bail!("{} was answered with {}", request.path, reply.status_code);
        }
        last = Some(reply);
    }
    last.context("nothing was sent")
}

fn request(method: &'static str, path: &str, token: Option<&str>, body: Option<Value>) -> Request {
    Request { method, path: path.to_owned(), token: token.map(str::to_owned), body }
}

/// New rows of a week: one hour in each cell.
fn rows(codes: &Value, week: &str) -> Result<Value> {
    let codes = codes.as_array().context("codes")?;
    // Rows of an absence say nothing about a place, and closed codes are refused.
    let usable =
        |code: &&Value| code["active"] == true && !["HOLIDAY", "SICK"].iter().any(|it| code["code"] == *it);
    let codes: Vec<_> = codes.iter().filter(usable).collect();
    ensure!(!codes.is_empty(), "there is no code to log time on");
    let rows = codes.iter().cycle().take(WEEK.0).enumerate().map(|(number, code)| {
        let location = if code["locationPolicy"] == "homeworking_only" { "Homeworking" } else { "Office" };
        let entries = (0..WEEK.1).map(|offset| Ok(json!({ "day": day(week, offset)?, "minutes": 60 })));
        Ok(json!({
            "activityLabel": format!("Work {number}"),
            "timeCodeId": code["id"],
            "billable": "auto",
            "location": location,
            "countryCode": "",
            "entries": entries.collect::<Result<Vec<_>>>()?,
        }))
    });
    rows.collect::<Result<Vec<_>>>().map(Value::from)
}

/// A day after a Monday.
fn day(week: &str, offset: usize) -> Result<String> {
    let mut parts = week.split('-').map(str::parse::<u32>);
    let (Some(Ok(year)), Some(Ok(month)), Some(Ok(day))) = (parts.next(), parts.next(), parts.next()) else {
        bail!("{week} is no date");
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let day = day + u32::try_from(offset)?;
    Ok(match (day > length, month) {
        (false, _) => format!("{year:04}-{month:02}-{day:02}"),
        (true, 12) => format!("{:04}-01-{:02}", year + 1, day - length),
        (true, _) => format!("{year:04}-{:02}-{:02}", month + 1, day - length),
    })
}

/// The same rows with other minutes in every cell.
fn with_minutes(rows: &Value, minutes: u32) -> Value {
    let mut rows = rows.clone();
    for row in rows.as_array_mut().into_iter().flatten() {
        for cell in row["entries"].as_array_mut().into_iter().flatten() {
            cell["minutes"] = minutes.into();
        }
    }
    rows
}

fn print(figures: &[Figures], requests: u32) {
    println!(
        "warm requests, means of {requests} (log-in: of {}); the week has {}×{} cells",
        requests / 10,
        WEEK.0,
        WEEK.1
    );
    println!(
        "{:<14} {:>12} {:>14} {:>12} {:>10} {:>14}",
        "",
        "function ms",
        "PostgreSQL ms",
        "statements",
        "per s, 1",
        format!("per s, {MANY}")
    );
    for it in figures {
        println!(
            "{:<14} {:>12.3} {:>14.3} {:>12} {:>10.0} {:>14.0}",
            it.name, it.cpu_ms, it.database_ms, it.statements, it.one, it.many
        );
    }
    println!("ms are CPU time; week_put changes all cells; the bench takes some of the same CPUs");
}

fn report(figures: &[Figures], requests: u32) -> Value {
    let mut report = Map::new();
    report.insert("bench".to_owned(), "api".into());
    report.insert("requests".to_owned(), requests.into());
    let rounded = |figure: f64| (figure * 1e3).round() / 1e3;
    for it in figures {
        let mut add = |what: &str, figure: Value| report.insert(format!("{}_{what}", it.name), figure);
        add("cpu_ms", rounded(it.cpu_ms).into());
        add("database_cpu_ms", rounded(it.database_ms).into());
        add("statements", it.statements.into());
        add("per_second_1", rounded(it.one).into());
        add(&format!("per_second_{MANY}"), rounded(it.many).into());
    }
    Value::Object(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_may_end_in_another_month_or_year() {
        assert_eq!(day("2026-11-23", 4).unwrap(), "2026-11-27");
        assert_eq!(day("2026-11-30", 1).unwrap(), "2026-12-01");
        assert_eq!(day("2026-12-28", 4).unwrap(), "2027-01-01");
        assert_eq!(day("2028-02-28", 1).unwrap(), "2028-02-29");
        assert_eq!(day("2027-02-22", 7).unwrap(), "2027-03-01");
    }
}
