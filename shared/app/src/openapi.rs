//! The OpenAPI document, put together from the handlers' own descriptions and what their routes say about
//! everybody: who may call them, and which problems they answer with.

use crate::{Access, BASE, Route, legacy};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use utoipa::openapi::OpenApi;

/// Lists a package's routes: `app::routes! { list::list_teams, show::show_team }` – module and handler. Makes
/// `ROUTES` for the functions, and `docs()`, which no function calls and so no function contains.
#[macro_export]
macro_rules! routes {
    ($($module:ident :: $handler:ident),* $(,)?) => {
        pub const ROUTES: &[$crate::Route] = &[$($module::ROUTE),*];

        #[derive(utoipa::OpenApi)]
        #[openapi(paths($($module::$handler),*))]
        struct Docs;

        /// The descriptions of [`ROUTES`].
        pub fn docs() -> utoipa::openapi::OpenApi {
            <Docs as utoipa::OpenApi>::openapi()
        }
    };
}

/// A package's routes with their descriptions.
pub type Part = (&'static [Route], OpenApi);

const DESCRIPTION: &str = "Time tracking for companies: weekly timesheets, approval, reports, exports.\n\n\
    **Version.** `/api` is v1: nothing is taken away inside it, fields may be added. Replaced operations say so \
    with `Deprecation` (and `Sunset`).\n\n\
    **Errors** are `application/problem+json` (RFC 9457) with the first product's `message` and, for 400, `details`.\n\n\
    **Changing what somebody else may have changed**: send the `version` you know, in the body or as `If-Match`; \
    409 brings the `current` state. **Sending twice**: `Idempotency-Key` on POST returns the first reply again.";

/// The document of all parts. Fails with a sentence for a route that is not described, or described otherwise.
pub fn document(parts: Vec<Part>) -> Result<Value, String> {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    let mut ids = BTreeSet::new();
    for (routes, docs) in parts {
        let mut docs = serde_json::to_value(docs).map_err(|error| error.to_string())?;
        if let Some(all) = docs["components"]["schemas"].as_object_mut() {
            for (name, schema) in std::mem::take(all) {
                if schemas.get(&name).is_some_and(|known| *known != schema) {
                    return Err(format!(
                        "two schemas are called {name}: name one of them with #[schema(as = …)]"
                    ));
                }
                schemas.insert(name, schema);
            }
        }
        for route in routes {
            let method = route.method.as_str().to_lowercase();
            let mut operation = docs["paths"][route.path][&method].take();
            if operation.is_null() {
                return Err(format!(
                    "{} {}: the handler describes another path or method",
                    route.method, route.path
                ));
            }
            describe(route, &mut operation);
            if !ids.insert(operation["operationId"].to_string()) {
                return Err(format!("two handlers are called {}", operation["operationId"]));
            }
            let entry = paths.entry(route.path).or_insert_with(|| json!({}));
            entry[&method] = operation;
        }
    }
    let said = serde_json::to_string(&paths).map_err(|error| error.to_string())?;
    for (name, schema) in domain::id_schemas() {
        if said.contains(&format!("\"#/components/schemas/{name}\"")) {
            let schema = serde_json::to_value(schema).map_err(|error| error.to_string())?;
            schemas.entry(name).or_insert(schema);
        }
    }
    paths.sort_keys();
    schemas.insert("Problem".to_owned(), problem());
    schemas.sort_keys();
    Ok(json!({
        "openapi": "3.1.0",
        "info": { "title": "GoGoTime", "version": "1.0.0", "description": DESCRIPTION },
        "servers": [{ "url": BASE }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
                "cookie": { "type": "apiKey", "in": "cookie", "name": "jwt" },
            },
        },
    }))
}

/// Adds to a handler's description what its route implies.
fn describe(route: &Route, operation: &mut Value) {
    let id = operation["operationId"].as_str().unwrap_or_default();
    operation["operationId"] = json!(camel_case(id));
    operation["tags"] = json!([route.function.trim_start_matches("api-")]);
    if legacy::of(route.path).is_some() {
        operation["deprecated"] = json!(true);
    }
    let keys: Vec<_> = match route.access {
        Access::Public | Access::SignedIn => Vec::new(),
        Access::Key(permission) => vec![permission],
        Access::Any(permissions) => permissions.to_vec(),
    };
    if !keys.is_empty() {
        operation["x-permissions"] = json!(keys);
    }
    operation["security"] =
        if route.access == Access::Public { json!([]) } else { json!([{ "bearer": [] }, { "cookie": [] }]) };
    let body = operation.get("requestBody").is_some();
    let asks = operation["parameters"].as_array().is_some_and(|all| all.iter().any(|p| p["in"] == "query"));
    let mut problems: Vec<(u16, &str)> = vec![(503, "The database is busy or away; try again.")];
    if body || asks {
        problems.push((400, "The request cannot be read; `details` says which field."));
    }
    if route.access == Access::Public {
        problems.push((429, "Too many attempts; `Retry-After` says when."));
    } else {
        problems.push((401, "Nobody is signed in."));
        problems.push((403, "The caller may not do this."));
    }
    if body || asks || route.path.contains('{') {
        problems.push((404, "There is no such thing, or not for the caller."));
    }
    if body {
        problems.push((413, "The body is larger than 1 MiB."));
        problems.push((415, "The body is not JSON."));
    }
    if body || asks || route.method != Method::GET || route.path.contains('{') {
        problems.push((422, "A rule is against it."));
    }
    if route.method != Method::GET {
        problems.push((409, "What is stored says otherwise, or somebody else was first."));
    }
    for (status, description) in problems {
        let status = status.to_string();
        if operation["responses"].get(&status).is_none() {
            operation["responses"][&status] = json!({ "description": description });
        }
    }
    for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
        // Also those that only the handler knows of.
        if status.as_str() >= "400" && response.get("content").is_none() {
            response["content"] = json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } });
        }
    }
    if let Some(responses) = operation["responses"].as_object_mut() {
        for (status, response) in
            responses.iter_mut().filter(|(_, response)| response["description"].is_null())
        {
            // OpenAPI wants one, also where there is nothing to say.
            let reason =
                status.parse().ok().and_then(|status| StatusCode::from_u16(status).ok()?.canonical_reason());
            response["description"] = json!(reason.unwrap_or(status));
        }
        responses.sort_keys();
    }
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |text, word| {
        let (head, tail) = word.split_at(word.len().min(1));
        text + &head.to_uppercase() + tail
    })
}

/// [`crate::Problem`], as a schema.
fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["message", "type", "title", "status"],
        "properties": {
            "message": { "type": "string", "description": "For the user." },
            "details": { "type": "string", "description": "Of a 400: which field, and why." },
            "type": { "type": "string", "format": "uri" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "current": { "description": "Of a 409: the state that the caller did not know." },
        },
        "example": {
            "message": "Validation failed",
            "details": "Details: requestBody.email - missing field `email`",
            "type": "https://gogotime.dev/problems/bad-request",
            "title": "Bad Request",
            "status": 400,
        },
    })
}
