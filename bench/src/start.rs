//! `bench start`: what a function costs from `exec` to its first poll for work – the part of a cold start
//! that is ours – beside a hello-world Lambda built in the same workspace.
//!
//! The functions get a deployed configuration whose every address leads to one listener of the bench.
//! A function that calls anybody before its first poll fails the bench.

use crate::process::{self, Running, Usage};
use crate::runtime_api::RuntimeApi;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The baseline of `ratio`, and the one beside it for functions behind HTTP.
const BASELINES: [&str; 2] = ["hello", "hello-http"];

/// HTTP functions: the ones a person waits for, and the ones the maxima are over.
const HTTP_PREFIX: &str = "api-";

/// Options of `bench start`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
    /// How often each program is started; the figures are medians.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Measure what is in target/release as it is.
    #[arg(long)]
    no_build: bool,
}

/// A program and everything measured of it.
struct Program {
    name: String,
    path: PathBuf,
    starts: Vec<Start>,
}

/// One start of one program.
struct Start {
    usage: Usage,
    wall_ms: f64,
}

/// One line of the table.
#[derive(Serialize)]
struct Line {
    name: String,
    cpu_ms: f64,
    cpu_min_ms: f64,
    wall_ms: f64,
    binary_mb: f64,
    rss_mb: f64,
    /// CPU beside `hello`.
    ratio: f64,
    /// CPU beside `hello-http`.
    ratio_http: f64,
}

/// The JSON line.
#[derive(Serialize)]
struct Report {
    bench: &'static str,
    runs: u32,
    /// The maxima are over the HTTP functions.
    max_ratio: f64,
    max_ratio_http: f64,
    max_binary_mb: f64,
    max_rss_mb: f64,
    functions: Vec<Line>,
    baselines: Vec<Line>,
}

/// Builds, measures, prints.
pub(crate) fn run(args: &Args) -> Result<()> {
    if cfg!(debug_assertions) {
        bail!("run the bench in the release profile: cargo run --release -p bench -- start");
    }
    let workspace = Workspace::load()?;
    if !args.no_build {
        workspace.build()?;
    }
    let names = BASELINES.iter().copied().chain(workspace.functions.iter().map(String::as_str));
    let mut programs = names
        .map(|name| Ok(Program { name: name.into(), path: workspace.binary(name)?, starts: Vec::new() }))
        .collect::<Result<Vec<_>>>()?;

    let bench = Bench::new()?;
    // One round to fill the page cache. Then every program once per round: what else the machine does
    // meanwhile hits all of them alike.
    for round in 0..=args.runs {
        for program in &mut programs {
            let start = bench.start(program).with_context(|| program.name.clone())?;
            if round > 0 {
                program.starts.push(start);
            }
        }
    }

    let report = Report::new(args.runs, &programs)?;
    report.print();
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    }
    Ok(())
}

/// The other side of everything a function could talk to.
struct Bench {
    runtime_api: RuntimeApi,
    outside: TcpListener,
    variables: Vec<(&'static str, String)>,
}

impl Bench {
    fn new() -> Result<Self> {
        let outside = TcpListener::bind("127.0.0.1:0")?;
        outside.set_nonblocking(true)?;
        let address = outside.local_addr()?;
        let queue = |name: &str| format!("http://{address}/000000000000/{name}");
        let variables = vec![
            ("STAGE", "dev".into()),
            ("LOG_LEVEL", "info".into()),
            ("DATABASE_URL", format!("postgres://gogotime:secret@{address}/gogotime?sslmode=disable")),
            ("DATABASE_POOL_SIZE", "1".into()),
            ("CACHE_URL", format!("redis://{address}")),
            ("NOTIFICATIONS_QUEUE_URL", queue("notifications")),
            ("EXPORTS_QUEUE_URL", queue("exports")),
            ("LIVE_QUEUE_URL", queue("live")),
            ("PUSH_QUEUE_URL", queue("push")),
            ("REPORTS_QUEUE_URL", queue("reports")),
            ("LIVE_ENDPOINT", format!("http://{address}/live")),
            ("LIVE_URL", format!("ws://{address}/live")),
            ("MAIL_URL", "ses://".into()),
            ("MAIL_FROM", "GoGoTime <no-reply@gogotime.example>".into()),
            ("EXPORTS_URL", "s3://gogotime-exports".into()),
            ("WEB_URL", format!("http://{address}")),
            ("CORS_ORIGIN", format!("http://{address}")),
            ("JWT_KEY", "k".repeat(64)),
            ("AWS_ENDPOINT_URL", format!("http://{address}")),
            // What Lambda sets.
            ("AWS_REGION", "eu-west-1".into()),
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE".into()),
            ("AWS_SECRET_ACCESS_KEY", "secret".into()),
            ("AWS_SESSION_TOKEN", "token".into()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".into()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".into()),
        ];
        Ok(Self { runtime_api: RuntimeApi::start()?, outside, variables })
    }

    /// Starts `program`, waits for its first poll, measures, ends it.
    fn start(&self, program: &Program) -> Result<Start> {
        let begun = Instant::now();
        let mut child = Running(
            Command::new(&program.path)
                .env_clear()
                .envs(self.variables.iter().map(|(name, value)| (name, value)))
                .env("AWS_LAMBDA_FUNCTION_NAME", &program.name)
                .env("AWS_LAMBDA_RUNTIME_API", &self.runtime_api.address)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::inherit())
                .spawn()?,
        );
        let waiting = self.runtime_api.first_poll(&mut child.0)?;
        let wall_ms = begun.elapsed().as_secs_f64() * 1e3;
        let usage = process::usage_at_rest(child.0.id())?;
        ensure!(self.outside.accept().is_err(), "called an outside service before its first poll");
        drop(child); // before it hears that nobody will answer
        drop(waiting);
        Ok(Start { usage, wall_ms })
    }
}

impl Report {
    fn new(runs: u32, programs: &[Program]) -> Result<Self> {
        let cpu = |name: &str| {
            let program = programs.iter().find(|program| program.name == name);
            program.map(|program| median(program, |start| start.usage.cpu_ms)).context("no baseline")
        };
        let [hello, hello_http] = [cpu(BASELINES[0])?, cpu(BASELINES[1])?];
        let line = |program: &Program| {
            let cpu_ms = median(program, |start| start.usage.cpu_ms);
            let least = program.starts.iter().map(|start| start.usage.cpu_ms).fold(f64::INFINITY, f64::min);
            Ok(Line {
                name: program.name.clone(),
                cpu_ms: rounded(cpu_ms),
                cpu_min_ms: rounded(least),
                wall_ms: rounded(median(program, |start| start.wall_ms)),
                binary_mb: rounded(megabytes(file_size(&program.path)?)),
                rss_mb: rounded(median(program, |start| megabytes(start.usage.rss))),
                ratio: rounded(cpu_ms / hello),
                ratio_http: rounded(cpu_ms / hello_http),
            })
        };
        let (baselines, functions) = programs.split_at(BASELINES.len());
        let functions = functions.iter().map(line).collect::<Result<Vec<Line>>>()?;
        let max = |figure: fn(&Line) -> f64| {
            functions.iter().filter(|line| line.name.starts_with(HTTP_PREFIX)).map(figure).fold(0.0, f64::max)
        };
        Ok(Self {
            bench: "start",
            runs,
            max_ratio: max(|line| line.ratio),
            max_ratio_http: max(|line| line.ratio_http),
            max_binary_mb: max(|line| line.binary_mb),
            max_rss_mb: max(|line| line.rss_mb),
            baselines: baselines.iter().map(line).collect::<Result<_>>()?,
            functions,
        })
    }

    fn print(&self) {
        println!("exec to first poll, medians of {} starts", self.runs);
        println!(
            "{:<22} {:>8} {:>8} {:>12} {:>8} {:>8} {:>8}",
            "", "CPU ms", "× hello", "× hello-http", "wall ms", "MB", "RSS MB"
        );
        for line in self.baselines.iter().chain(&self.functions) {
            println!(
                "{:<22} {:>8.2} {:>8.2} {:>12.2} {:>8.2} {:>8.2} {:>8.2}",
                line.name,
                line.cpu_ms,
                line.ratio,
                line.ratio_http,
                line.wall_ms,
                line.binary_mb,
                line.rss_mb
            );
        }
        println!(
            "most of an HTTP function: {:.2} × hello, {:.2} MB, {:.2} MB RSS",
            self.max_ratio, self.max_binary_mb, self.max_rss_mb
        );
    }
}

/// The median of one figure over all starts of a program.
fn median(program: &Program, figure: impl Fn(&Start) -> f64) -> f64 {
    let mut figures: Vec<f64> = program.starts.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    if figures.len() % 2 == 1 { figures[middle] } else { f64::midpoint(figures[middle - 1], figures[middle]) }
}

fn file_size(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path).with_context(|| path.display().to_string())?.len())
}

/// Megabytes of a million bytes.
#[expect(clippy::cast_precision_loss, reason = "a binary or a resident set is far below 2^52 bytes")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Three decimals: microseconds, kilobytes.
fn rounded(figure: f64) -> f64 {
    (figure * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        let start = |cpu_ms| Start { usage: Usage { cpu_ms, rss: 0 }, wall_ms: 0.0 };
        let starts = vec![start(9.0), start(1.0), start(2.0), start(4.0)];
        let program = Program { name: "x".into(), path: PathBuf::new(), starts };
        assert!((median(&program, |start| start.usage.cpu_ms) - 3.0).abs() < f64::EPSILON);
    }
}
