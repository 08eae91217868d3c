//! Folding, a part of `schedule-relay`: moves what happened to entries into the roll-ups (`db::rollups`). Whether and
//! when it runs changes no report, only how much they have to add up.

use app::{App, Failure};
use db::{Error, rollups};
use domain::CompanyId;
use std::time::{Duration, Instant};
use telemetry::Metric;

/// Changes of one transaction: about a second, for which changes of the company's teams wait.
const PIECE: i64 = 10_000;
/// How long pieces are begun; well within the relay's timeout. The rest comes a minute later.
const BUDGET: Duration = Duration::from_secs(20);

/// Folds what waits, a piece of each company in turn: one with much to fold delays nobody, and one that fails neither.
pub(crate) async fn run(app: &App) -> Result<(), Failure> {
    let until = Instant::now() + BUDGET;
    let mut turn: Vec<_> = waiting(app).await?.into_iter().map(|(company, _)| company).collect();
    let mut failed = 0;
    while !turn.is_empty() {
        let mut next = Vec::new();
        for company in turn {
            if Instant::now() >= until {
                tracing::info!("more to fold than time; the rest waits for the next minute");
                next.clear();
                break;
            }
            match piece(app, company).await {
                Ok(folded) if folded < PIECE => {}
                Ok(_) => next.push(company),
                Err(Error::Conflict) => {
                    tracing::info!(company_id = %company, "the roll-ups are being rebuilt");
                }
                Err(error) => {
                    failed += 1;
                    tracing::error!(company_id = %company, %error, "not folded");
                }
            }
        }
        turn = next;
    }
    let left: i64 = waiting(app).await?.iter().map(|(_, changes)| changes).sum();
    telemetry::set(Metric::RollupChangesWaiting, &[], i32::try_from(left).map_or(f64::MAX, f64::from));
    if failed > 0 {
        return Err(Failure::new(format!("the roll-ups of {failed} companies were not folded")));
    }
    Ok(())
}

async fn waiting(app: &App) -> db::Result<Vec<(CompanyId, i64)>> {
    rollups::unfolded(&app.db().system().await?).await
}

async fn piece(app: &App, company: CompanyId) -> db::Result<i64> {
    let started = Instant::now();
    let tx = app.db().tenant(company).await?;
    let folded = rollups::fold(&tx, PIECE).await?;
    app.commit_without_events(tx).await?;
    let ms = started.elapsed().as_secs_f64() * 1000.0;
    tracing::info!(company_id = %company, folded, ms, "folded");
    telemetry::add(Metric::RollupFolded, &[], u64::try_from(folded).unwrap_or_default());
    Ok(folded)
}
