//! `/files/…`: exports on this machine's disk, for whoever has a signed link (`files::verify_link`).

use axum::{
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderValue, Request, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::Utc;
use serde::Deserialize;
use std::path::PathBuf;
use tower_http::services::ServeFile;

/// Where the files are, and the key that signed their links.
#[derive(Clone, Debug)]
pub(crate) struct Exports {
    /// The directory of `EXPORTS_URL=file://…`.
    pub(crate) directory: PathBuf,
    /// `JWT_KEY`.
    pub(crate) secret: Vec<u8>,
}

#[derive(Deserialize)]
pub(super) struct Link {
    expires: i64,
    name: String,
    signature: String,
}

pub(super) async fn download(
    State(exports): State<Option<Exports>>,
    Path(path): Path<String>,
    Query(link): Query<Link>,
    request: Request<Body>,
) -> Response {
    let Some(exports) = exports else { return StatusCode::NOT_FOUND.into_response() };
    let Link { expires, name, signature } = link;
    if !files::verify_link(&exports.secret, &path, expires, &name, &signature, Utc::now()) {
        return (StatusCode::FORBIDDEN, "this link is not valid, or not any more\n").into_response();
    }
    // A verified path stays inside the directory.
    let served = ServeFile::new(exports.directory.join(path)).try_call(request).await;
    let Ok(mut response) = served.map(IntoResponse::into_response) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if let Ok(disposition) = HeaderValue::from_str(&files::content_disposition(&name)) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}
