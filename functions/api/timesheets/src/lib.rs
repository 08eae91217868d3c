//! The weekly timesheet (`domain.md` §6.11, §7) and the decisions on it (§6.12).

#![expect(missing_docs, reason = "a route is described by its module and its contract")]

mod access;
pub mod approve;
mod body;
pub mod reject;
pub mod week_read;
pub mod week_save;
pub mod week_submit;

pub const ROUTES: &[app::Route] =
    &[week_read::ROUTE, week_save::ROUTE, week_submit::ROUTE, approve::ROUTE, reject::ROUTE];

pub fn docs() -> utoipa::openapi::OpenApi {
    utoipa::openapi::OpenApi::default()
}
