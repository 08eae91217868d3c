//! The project's automation: `cargo xtask dev`, `test`, `seed` and so on, in Rust, so that a clone needs
//! nothing else to begin with. One module per concern; every command stops what it started.

mod bench;
mod check;
mod cli;
mod database;
mod dev;
mod dlq;
mod doctor;
mod env;
mod node;
mod postgres;
mod process;
mod python;
mod rollups;
mod schemathesis;
mod seed;
mod services;
mod term;
mod test;
mod tools;
mod workspace;

use std::process::ExitCode;

fn main() -> ExitCode {
    let command = cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            term::failure(&format!("no async runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    // The command owns everything it starts; dropping it half-way (a signal) stops it all, because each
    // running thing is a guard (`process::Group`, `postgres::Cluster`).
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = command.run() => Some(outcome),
            () = process::stop_signal() => None,
        }
    });
    match outcome {
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(error)) => {
            term::failure(&format!("{error:#}"));
            ExitCode::FAILURE
        }
        None => {
            term::note("stopped");
            ExitCode::from(130)
        }
    }
}
