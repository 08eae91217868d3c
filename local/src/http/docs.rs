//! `/api/docs`: the API's description with Swagger UI around it, for developers. Not deployed: the file is in the
//! repository, and a release's is at its tag.

use super::Front;
use axum::Router;
use std::path::Path;
use tower_http::services::ServeFile;
use utoipa_swagger_ui::{Config, SwaggerUi};

const DOCUMENT: &str = "/api/docs/openapi.json";

/// The page, and the document of `file`, which is read anew for every request.
pub(super) fn router(file: &Path) -> Router<Front> {
    let page = SwaggerUi::new("/api/docs").config(Config::new([DOCUMENT]).persist_authorization(true));
    Router::new().route_service(DOCUMENT, ServeFile::new(file)).merge(page)
}
