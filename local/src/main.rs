//! `local`: everything around the functions on a developer's machine, until Ctrl-C.

use anyhow::{Result, bail};
use clap::Parser;
use local::{Functions, Line, Local, Options, environment, watch};
use std::{collections::BTreeMap, io::Write as _, net::SocketAddr, path::PathBuf, sync::Arc};
use tokio::signal::unix::{SignalKind, signal};

/// Runs what template.yaml deploys: HTTP API, WebSocket API, queues, schedules, file links, metrics.
#[derive(Parser)]
struct Arguments {
    /// Address of the front door; loopback, because nothing here checks who calls
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// SAM template that says what to run
    #[arg(long, default_value = "template.yaml")]
    template: PathBuf,
    /// Let `cargo lambda watch` build and run the functions (binary: `CARGO_LAMBDA`, or what `cargo` finds)
    #[arg(long, required_unless_present = "bin_dir", conflicts_with = "bin_dir")]
    watch: bool,
    /// Run prebuilt functions from here: NAME or NAME/bootstrap
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
    /// Processes per function at most (with --bin-dir)
    #[arg(long, default_value_t = 4)]
    concurrency: usize,
    /// Directory of the dashboard page
    #[arg(long, default_value = "web/dist")]
    web: PathBuf,
    /// File of variables for the functions; the shell's own win
    #[arg(long, default_value = ".env")]
    env_file: PathBuf,
    /// Let no clock start the schedules
    #[arg(long)]
    no_schedules: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().compact().with_target(false).with_max_level(tracing::Level::INFO).init();
    let arguments = Arguments::parse();
    let (mut interrupted, mut terminated) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);

    let env = variables(&arguments)?;
    let functions = match arguments.bin_dir {
        Some(directory) => Functions::Binaries(directory),
        None => Functions::Watch(watch::URL.to_owned()),
    };
    let watched = arguments.watch;
    let known = env.clone();
    let local = Local::start(Options {
        listen: arguments.listen,
        env: Box::new(move |address| complete(known, address)),
        concurrency: arguments.concurrency,
        web: Some(arguments.web).filter(|web| web.is_dir()),
        schedules: !arguments.no_schedules,
        lines: Arc::new(print),
        ..Options::new(arguments.template, functions)
    })
    .await?;
    let mut child = None;
    if watched {
        let program = env.get("CARGO_LAMBDA").map(String::as_str);
        let env = complete(env.clone(), local.addr());
        child = Some(watch::Process::start(program, &std::env::current_dir()?, &env, local.metrics())?);
    }
    welcome(&local)?;

    let failure = tokio::select! {
        _ = interrupted.recv() => None,
        _ = terminated.recv() => None,
        status = async { match &mut child { Some(child) => child.ended().await, None => std::future::pending().await } } => {
            Some(status)
        }
    };
    local.shutdown().await;
    if let Some(child) = child {
        child.stop().await;
    }
    match failure {
        Some(status) => bail!("cargo lambda watch ended: {}", status?),
        None => Ok(()),
    }
}

/// The shell's variables over those of the file.
fn variables(arguments: &Arguments) -> Result<BTreeMap<String, String>> {
    let mut variables = BTreeMap::new();
    if arguments.env_file.is_file() {
        for variable in dotenvy::from_path_iter(&arguments.env_file)? {
            let (name, value) = variable?;
            variables.insert(name, value);
        }
    }
    variables.extend(std::env::vars());
    Ok(variables)
}

/// What follows from the address, where nothing else was said.
fn complete(known: BTreeMap<String, String>, address: SocketAddr) -> Vec<(String, String)> {
    let mut all: BTreeMap<_, _> = environment(address).into_iter().collect();
    all.extend(known.into_iter().filter(|(_, value)| !value.is_empty()));
    all.into_iter().collect()
}

fn print(line: Line<'_>) {
    let _ = writeln!(std::io::stdout().lock(), "{} | {}", line.function, line.text);
}

fn welcome(local: &Local) -> Result<()> {
    let (address, template) = (local.addr(), local.template());
    let queues: Vec<_> = template.queues.iter().map(|it| it.queue.as_str()).collect();
    let schedules: Vec<_> = template.schedules.iter().map(|it| it.function.as_str()).collect();
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n  page         http://{address}/")?;
    writeln!(out, "  HTTP API     http://{address}/api   ({} routes)", template.routes.len())?;
    writeln!(out, "  WebSocket    ws://{address}/live   (post to http://{address}/live/@connections/ID)")?;
    writeln!(out, "  metrics      http://{address}/metrics")?;
    writeln!(out, "  queues       {}", queues.join(", "))?;
    writeln!(out, "  schedules    {}", schedules.join(", "))?;
    writeln!(out, "  Ctrl-C ends it all\n")?;
    Ok(())
}
