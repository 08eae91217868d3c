//! Teams and their members.

fn main() -> app::Result {
    app::serve_http("api-teams", api_teams::ROUTES)
}
