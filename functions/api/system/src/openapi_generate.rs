//! `POST /system/generate-openapi` – where the first product ran a shell command for anybody who asked
//! (`domain.md` §6.15.88). Here the description comes with the release, and this changes nothing.

use app::{Access, Json, Route};
use axum::{http::Method, routing::post};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-system",
    method: Method::POST,
    path: "/system/generate-openapi",
    access: Access::Public,
    handler: || post(generate_openapi),
};

#[derive(Serialize, ToSchema)]
pub(crate) struct OpenApiGenerated {
    success: bool,
    message: &'static str,
}

/// Says that the description of the API is current. Nothing is made.
#[utoipa::path(post, path = "/system/generate-openapi", responses((status = 200, body = OpenApiGenerated)))]
pub(crate) async fn generate_openapi() -> Json<OpenApiGenerated> {
    Json(OpenApiGenerated {
        success: true,
        message: "The description of the API comes with each release; it is current.",
    })
}
