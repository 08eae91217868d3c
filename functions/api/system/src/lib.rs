//! The system's own state (`domain.md` §6.15).

#![expect(missing_docs, reason = "a route is described by its module and its contract")]

mod health;
mod openapi_generate;
mod openapi_status;

app::routes! {
    health::system_health,
    openapi_generate::generate_openapi,
    openapi_status::openapi_status,
}
