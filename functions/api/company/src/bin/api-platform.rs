//! New companies: apart from `api-company`, whose menu is what clients ask for most, because it sends mail.

fn main() -> app::Result {
    app::serve_http("api-platform", api_company::ROUTES)
}
