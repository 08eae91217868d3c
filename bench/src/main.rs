//! Measures what the project claims about its speed: one sub-command per claim, each a table for people
//! and, with `--json`, one JSON object as the last line for whoever compares.
//!
//! Run it in the release profile on a quiet machine: `cargo run --release -p bench -- start`.

mod api;
mod instance;
mod process;
mod reports;
mod runtime_api;
mod start;
mod workspace;

use clap::{Parser, Subcommand};

/// Measures the performance claims of the project.
#[derive(Parser)]
#[command(name = "bench")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// What each function costs before its first request, beside a hello-world Lambda.
    Start(start::Args),
    /// What a warm request costs, in the function and in PostgreSQL; run it by `cargo xtask bench api`.
    Api(api::Args),
    /// What a company-wide report costs, computed and cached; run it by `cargo xtask bench reports`.
    Reports(reports::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Start(args) => start::run(&args),
        Command::Api(args) => api::run(&args),
        Command::Reports(args) => reports::run(&args),
    }
}
