//! `GET /system/openapi-status` – the API's description is part of a release: it is never being made, and never
//! stale (`domain.md` §6.15.89).

use app::{Access, Json, Route};
use axum::{http::Method, routing::get};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-system",
    method: Method::GET,
    path: "/system/openapi-status",
    access: Access::Public,
    handler: || get(openapi_status),
};

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OpenApiStatus {
    is_generating: bool,
    needs_regeneration: bool,
}

/// Whether this description of the API is current; it always is.
#[utoipa::path(get, path = "/system/openapi-status", responses((status = 200, body = OpenApiStatus)))]
pub(crate) async fn openapi_status() -> Json<OpenApiStatus> {
    Json(OpenApiStatus { is_generating: false, needs_regeneration: false })
}
