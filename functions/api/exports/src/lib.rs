//! `api-exports`: asking for files of the company's time, watching them come, fetching them.

mod body;
mod create;
mod download;
mod list;
mod show;

/// The routes of this function.
pub const ROUTES: &[app::Route] = &[create::ROUTE, list::ROUTE, show::ROUTE, download::ROUTE];

pub fn docs() -> utoipa::openapi::OpenApi {
    utoipa::openapi::OpenApi::default()
}
