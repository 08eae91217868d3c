//! `schedule-verify`, every hour: holds samples of the roll-ups against the entries, each company once a night. It
//! repairs nothing: whoever is told looks for the cause, then rebuilds (`docs/caching-queues-realtime.md`).

use app::{App, Failure};
use chrono::{Datelike, Days, Months, NaiveDate};
use db::rollups::{self, Due, Sample};
use domain::CompanyId;
use rand::{Rng, RngExt};
use std::time::{Duration, Instant};
use telemetry::Metric;

/// What one sample may take; a month of a company of 8,000 people takes some 9 seconds.
const SAMPLE: Duration = Duration::from_secs(50);
/// How long companies are begun. The last one's four samples end within the function's 900 seconds.
const BUDGET: Duration = Duration::from_mins(10);

/// One tick.
pub async fn run(app: App) -> Result<(), Failure> {
    let until = Instant::now() + BUDGET;
    let due = rollups::due(&app.db().system().await?, app.now()).await?;
    let (mut verified, mut failed) = (0, 0);
    for Due { company, today } in &due {
        if Instant::now() >= until {
            break;
        }
        // What is wrong with one company keeps no other from its turn.
        let outcome = match verify(&app, *company, *today).await {
            Ok(0) => "equal",
            Ok(_) => "different",
            Err(error) => {
                failed += 1;
                tracing::warn!(company_id = %company, %error, "roll-ups not verified");
                "failed"
            }
        };
        verified += 1;
        telemetry::add(Metric::RollupVerifications, &[outcome], 1);
    }
    let left = due.len() - verified;
    tracing::info!(due = due.len(), failed, left, "roll-ups verified");
    if failed > 0 {
        return Err(Failure::new(format!("the roll-ups of {failed} companies were not verified")));
    }
    Ok(())
}

/// Compares samples of a company in one snapshot; how many keys of the roll-ups differ from the entries.
pub async fn verify(app: &App, company: CompanyId, today: NaiveDate) -> db::Result<i64> {
    let tx = app.db().snapshot(company).await?;
    rollups::limit(&tx, SAMPLE).await?;
    let mut differing = 0;
    let samples = samples(today, &mut rand::rng());
    for sample in samples {
        let found = rollups::compare(&tx, sample).await?;
        for (view, keys) in found {
            telemetry::add(Metric::RollupDifferences, &[view], u64::try_from(keys).unwrap_or_default());
        }
        let keys: i64 = found.iter().map(|(_, keys)| keys).sum();
        if keys > 0 {
            tracing::error!(company_id = %company, ?sample, ?found, "the roll-ups differ from the entries: reports are wrong");
        }
        differing += keys;
    }
    Ok(differing)
}

/// The week of today, two weeks and a month of the year before.
fn samples(today: NaiveDate, random: &mut impl Rng) -> [Sample; 4] {
    let monday = |day: NaiveDate| day - Days::new(day.weekday().num_days_from_monday().into());
    let mut week = || Sample::Week(monday(today - Days::new(7 * random.random_range(1..=52))));
    let weeks = [week(), week()];
    let month = today - Months::new(random.random_range(0..12));
    let [first, second] = weeks;
    [Sample::Week(monday(today)), first, second, Sample::Month(month - Days::new(u64::from(month.day0())))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_whole_weeks_and_months_of_the_last_year() {
        let today = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
        let year = today - Days::new(371)..=today;
        for _ in 0..200 {
            let [current, rest @ ..] = samples(today, &mut rand::rng());
            assert_eq!(current, Sample::Week(NaiveDate::from_ymd_opt(2024, 2, 26).unwrap()));
            for sample in rest {
                let first = match sample {
                    Sample::Week(first) => {
                        assert_eq!(first.weekday(), chrono::Weekday::Mon);
                        first
                    }
                    Sample::Month(first) => {
                        assert_eq!(first.day(), 1);
                        first
                    }
                };
                assert!(year.contains(&first), "{sample:?}");
            }
        }
    }
}
