//! Measures what the project claims about its speed: one sub-command per claim, each a table for people
//! and, with `--json`, one JSON object as the last line for whoever compares.
//!
//! Run it in the release profile on a quiet machine: `cargo run --release -p bench -- start`.

mod process;
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
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Start(args) => start::run(&args),
    }
}
