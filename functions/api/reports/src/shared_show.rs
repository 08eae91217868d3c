//! `GET /reports/shared/{token}` – the report behind a link, for anybody who has it.

use crate::saved_body::headers;
use app::{Access, App, BadToken, LinkPurpose, Path, Problem, Route};
use axum::{
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::{AppendHeaders, IntoResponse},
    routing::get,
};
use reports::{Definition, Viewer};

pub(crate) const ROUTE: Route = Route {
    function: "api-reports",
    method: Method::GET,
    path: "/reports/shared/{token}",
    access: Access::Public,
    handler: || get(show_shared_report),
};

/// A report that somebody shared, as it is now, with the rights that its owner has now. Whatever is wrong with a link
/// – it is none, it was taken back, its owner may not see reports any more – the answer is the same.
#[utoipa::path(get, path = "/reports/shared/{token}", params(("token" = String, Path, description = "Of the link.")),
               responses((status = 200, content((Value = "application/json"), (String = "text/csv")),
                          headers(("x-report" = String, description = "Which report it is, as in its definition."),
                                  ("x-report-name" = String, description = "Its name, percent-encoded."))),
                         (status = 304, description = "As the `If-None-Match` of the request says."),
                         (status = 410, description = "The link has expired."),
                         (status = 413, description = "Too large for a reply.")))]
pub(crate) async fn show_shared_report(
    State(app): State<App>,
    Path(token): Path<String>,
    request: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    // Only who had a link of ours learns that it has expired: the signature comes first.
    let link = app.jwt().verify_link(LinkPurpose::SharedReport, &token).map_err(|error| match error {
        BadToken::Expired => expired(),
        BadToken::Invalid => nothing(),
    })?;
    let (shared, viewer) = {
        let tx = app.db().reader(link.company).await?;
        let shared = db::saved_reports::shared(&tx, link.id).await?.ok_or_else(nothing)?;
        let viewer = Viewer::read(&tx, link.company, shared.owner).await?.ok_or_else(nothing)?;
        (shared, viewer)
    };
    if shared.expires_at <= app.now() {
        return Err(expired());
    }
    let definition = Definition::read(&shared.definition)?;
    let reply = reports::run(&app, &viewer, &request, definition).await?;
    Ok((AppendHeaders(headers(&shared.name, &shared.definition)), reply))
}

fn nothing() -> Problem {
    let why = "This link leads to no report, or does not any more. Ask whoever sent it for a new one.";
    Problem::new(StatusCode::NOT_FOUND, why)
}

fn expired() -> Problem {
    Problem::gone("This link has expired. Ask whoever sent it for a new one.")
}
