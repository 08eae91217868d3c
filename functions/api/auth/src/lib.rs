//! Authentication (`domain.md` §6.1, §11).

#![expect(missing_docs, reason = "a route is described by its module and its contract")]

mod cookies;
pub mod current;
pub mod login;
pub mod logout;

pub const ROUTES: &[app::Route] = &[login::ROUTE, logout::ROUTE, current::ROUTE];

pub fn docs() -> utoipa::openapi::OpenApi {
    utoipa::openapi::OpenApi::default()
}
