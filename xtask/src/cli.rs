//! The command line.

use crate::bench::Bench;
use crate::dev::Dev;
use crate::dlq::Dlq;
use crate::rollups::RebuildRollups;
use crate::seed::Seed;
use crate::test::Test;
use crate::{check, doctor, postgres};
use anyhow::Result;
use clap::{Parser, Subcommand};

/// The automation of this workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What it can do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Start everything on this machine, with demo data; Ctrl-C stops it all
    Dev(Dev),
    /// Run every check and test, on private services
    Test(Test),
    /// Check the invariants of the workspace (docs/architecture.md)
    Check,
    /// Write docs/openapi.json, docs/permissions.md, the routes of template.yaml and of cargo lambda watch
    Generate,
    /// Fill a database with plausible companies
    Seed(Seed),
    /// Run a benchmark on release binaries
    #[command(subcommand)]
    Bench(Bench),
    /// Say what is installed, what is missing, and the line that fixes it
    Doctor,
    /// Apply the migrations
    Migrate {
        /// The database, as its owner; without it the development database
        #[arg(long)]
        database_url: Option<String>,
    },
    /// Look at and return dead letters of the queue in PostgreSQL
    ///
    /// Those of SQS are returned by SQS itself: "Start DLQ redrive" in the console, or
    /// `aws sqs start-message-move-task --source-arn ARN-OF-THE-DEAD-LETTER-QUEUE`.
    Dlq(Dlq),
    /// Make the roll-ups of reports anew from the entries
    ///
    /// For when `rollup_differences` says that they are wrong. Everybody goes on working; only changes of a team's members
    /// wait for their company's turn, and are refused after five seconds.
    RebuildRollups(RebuildRollups),
}

/// Reads the command line; help and mistakes end here.
pub(crate) fn parse() -> Command {
    Cli::parse().command
}

impl Command {
    /// Carries it out.
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Dev(dev) => dev.run().await,
            Self::Test(test) => test.run().await,
            Self::Check => check::run(),
            Self::Generate => Test::generate().run().await,
            Self::Seed(seed) => seed.run().await,
            Self::Bench(bench) => bench.run().await,
            Self::Doctor => doctor::run().await,
            Self::Migrate { database_url: None } => {
                postgres::Cluster::start().await?.migrated("gogotime", false).await
            }
            Self::Migrate { database_url: Some(url) } => {
                let applied = db::migrate(&url).await.map_err(|error| anyhow::anyhow!("{error:?}"))?;
                println!("{applied} migrations applied");
                Ok(())
            }
            Self::Dlq(dlq) => dlq.run().await,
            Self::RebuildRollups(rebuild) => rebuild.run().await,
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        super::Cli::command().debug_assert();
    }
}
