//! The company, its settings and its menu.

fn main() -> app::Result {
    app::serve_http("api-company", api_company::COMPANY)
}
