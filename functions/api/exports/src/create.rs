//! `POST /exports` – asks for the company's time of a period as a file. 202 with the job; mail and a live event
//! follow when it is ready.

use crate::body::ExportBody;
use app::{Access, App, Caller, Json, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode, header::LOCATION},
    response::IntoResponse,
    routing::post,
};
use chrono::{Datelike, NaiveDate};
use db::exports;
use domain::{Event, Permission};
use serde::Deserialize;

/// Longer periods are several exports: a year of 10,000 people is 1.2 GB already.
const MAX_DAYS: i64 = 366;

/// The route.
pub(crate) const ROUTE: Route = Route {
    function: "api-exports",
    method: Method::POST,
    path: "/exports",
    access: Access::Key(Permission::TimesheetExportOrg),
    handler: || post(create),
};

#[derive(Debug, Deserialize)]
struct Request {
    format: String,
    from: NaiveDate,
    to: NaiveDate,
}

impl Request {
    /// Why it is refused, in words for the user.
    fn check(&self) -> Result<(), &'static str> {
        if self.format != "csv" {
            return Err("format: only csv is offered");
        }
        // Dates outside four digits have another form in SQL and in files.
        if [self.from, self.to].iter().any(|day| !(1900..=9999).contains(&day.year())) {
            return Err("from, to: the year is out of range");
        }
        if self.from > self.to {
            return Err("from must not be after to");
        }
        if (self.to - self.from).num_days() >= MAX_DAYS {
            return Err("the period must not be longer than 366 days");
        }
        Ok(())
    }
}

/// Asking twice for the same on the same data, while the first is under way, is asking once.
async fn create(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<Request>,
) -> Result<impl IntoResponse, Problem> {
    request.check().map_err(Problem::unprocessable)?;
    let mut tx = app.db().tenant(caller.company).await?;
    let (export, created) = exports::request(&tx, caller.user, request.from, request.to).await?;
    if created {
        tx.record(Event::ExportRequested { export_id: export.id });
    }
    app.commit(tx).await?;
    let location = format!("/api/exports/{}", export.id);
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], Json(ExportBody::new(export, app.now()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: &str, from: &str, to: &str) -> Result<(), &'static str> {
        Request { format: format.into(), from: from.parse().unwrap(), to: to.parse().unwrap() }.check()
    }

    #[test]
    fn a_period_is_in_order_and_at_most_366_days() {
        assert_eq!(check("csv", "2026-09-14", "2026-09-14"), Ok(()));
        assert_eq!(check("csv", "2026-01-01", "2027-01-01"), Ok(()));
        assert!(check("csv", "2026-01-01", "2027-01-02").is_err());
        assert!(check("csv", "2026-09-14", "2026-09-13").is_err());
        assert!(check("csv", "+12026-09-14", "+12026-09-14").is_err());
        assert!(check("xlsx", "2026-09-14", "2026-09-14").is_err());
    }
}
