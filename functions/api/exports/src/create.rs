//! `POST /exports` – asks for the company's time of a period as a file. 202 with the job; mail and a live event
//! follow when it is ready.

use crate::body::ExportBody;
use app::{Access, App, Caller, Idempotent, Problem, Route, fields};
use axum::{
    extract::State,
    http::{HeaderValue, Method, StatusCode, header::LOCATION},
    response::Response,
    routing::post,
};
use chrono::NaiveDate;
use db::exports;
use domain::{Event, Permission};
use serde::Deserialize;
use utoipa::ToSchema;

/// Longer periods are several exports: a year of 10,000 people is 1.2 GB already.
const MAX_DAYS: i64 = 366;

pub(crate) const ROUTE: Route = Route {
    function: "api-exports",
    method: Method::POST,
    path: "/exports",
    access: Access::Key(Permission::TimesheetExportOrg),
    handler: || post(create_export),
};

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct CreateExport {
    /// Only `csv` is offered.
    #[schema(pattern = "^csv$", example = "csv")]
    format: String,
    /// First day.
    #[schema(example = "2026-09-01")]
    from: NaiveDate,
    /// Last day; at most 366 days in all.
    #[schema(example = "2026-09-30")]
    to: NaiveDate,
}

impl CreateExport {
    /// Why it is refused, in words for the user.
    fn check(&self) -> Result<(), Problem> {
        if self.format != "csv" {
            return Err(Problem::unprocessable("format: only csv is offered"));
        }
        fields::day("from", self.from)?;
        fields::day("to", self.to)?;
        if self.from > self.to {
            return Err(Problem::unprocessable("from must not be after to"));
        }
        if (self.to - self.from).num_days() >= MAX_DAYS {
            return Err(Problem::unprocessable("the period must not be longer than 366 days"));
        }
        Ok(())
    }
}

/// Asks for the company's time of a period as a file. Mail and a live event follow when it is ready. Asking
/// twice for the same on the same data, while the first is under way, is asking once.
#[utoipa::path(post, path = "/exports", request_body = CreateExport,
               responses((status = 202, body = ExportBody, description = "It is being made.",
                          headers(("location" = String, description = "Where the job is.")))))]
pub(crate) async fn create_export(
    State(app): State<App>,
    caller: Caller,
    request: Idempotent<CreateExport>,
) -> Result<Response, Problem> {
    let asked = &request.body;
    asked.check()?;
    let mut tx = app.db().tenant(caller.company).await?;
    if let Some(reply) = request.replay(&app, &tx, &caller).await? {
        return Ok(reply);
    }
    let (export, created) = exports::request(&tx, caller.user, asked.from, asked.to).await?;
    if created {
        tx.record(Event::ExportRequested { export_id: export.id });
    }
    let location = HeaderValue::from_str(&format!("/api/exports/{}", export.id));
    let body = ExportBody::new(export, app.now());
    let mut reply = request.reply(&app, &tx, &caller, StatusCode::ACCEPTED, &body).await?;
    app.commit(tx).await?;
    reply.headers_mut().extend(location.ok().map(|location| (LOCATION, location)));
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(format: &str, from: &str, to: &str) -> bool {
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        CreateExport { format: format.into(), from, to }.check().is_ok()
    }

    #[test]
    fn a_period_is_in_order_and_at_most_366_days() {
        assert!(good("csv", "2026-09-14", "2026-09-14"));
        assert!(good("csv", "2026-01-01", "2027-01-01"));
        assert!(!good("csv", "2026-01-01", "2027-01-02"));
        assert!(!good("csv", "2026-09-14", "2026-09-13"));
        assert!(!good("csv", "+12026-09-14", "+12026-09-14"));
        assert!(!good("xlsx", "2026-09-14", "2026-09-14"));
    }
}
