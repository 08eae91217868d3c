//! The first product's contract (`tests/contract/domain-ops.json`): each of its 89 operations is a route here, and
//! answers every role with what the contract says, or with a refusal.

use crate::{
    generated::DOCUMENT,
    support::{Api, CALLERS, Fixture},
    template::code_routes,
};
use app::Route;
use futures_util::{StreamExt, stream};
use http::Method;
use jsonschema::Validator;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

static CONTRACT: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../contract/domain-ops.json")).expect("the contract is JSON")
});

/// One of the 89.
struct Operation {
    route: &'static Route,
    described: &'static Value,
    /// The one success that the contract knows.
    status: u16,
}

impl Operation {
    fn name(&self) -> String {
        format!("{} {}", self.route.method, self.route.path)
    }
}

/// A path without the names of its parameters, which are nobody's business but the handler's.
fn shape(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/")
}

/// The operations, and those that no route serves.
fn operations() -> (Vec<Operation>, Vec<String>) {
    let (mut found, mut lacking) = (Vec::new(), Vec::new());
    for described in CONTRACT["operations"].as_array().expect("a list") {
        let text = |key: &str| described[key].as_str().expect("a text");
        let (method, path) = (text("method"), text("path"));
        let serves = |route: &&Route| {
            route.method.as_str() == method && shape(&format!("{}{}", app::BASE, route.path)) == shape(path)
        };
        let responses = described["responses"].as_object().expect("an object");
        let status = responses.keys().filter_map(|status| status.parse().ok()).find(|status| *status < 300);
        match code_routes().find(serves) {
            Some(route) => found.push(Operation { route, described, status: status.expect("a success") }),
            None => lacking.push(format!("{method} {path}")),
        }
    }
    (found, lacking)
}

/// The contract's schemas are what TSOA makes of TypeScript. Read literally, no reply of the first product itself
/// would be valid: it lists the relations of an entity (`company`, `users`, …) as required, and does not send them;
/// it knows `null` only where somebody wrote `| null`, and sends it for every empty column. It also forbids further
/// fields, and ours are allowed to have some. So a reply is held against the schema with
/// - OpenAPI 3.0's `nullable` as a type,
/// - relations optional, but for those in `loaded`, which the operation does send,
/// - null allowed for whatever is not required,
/// - further fields allowed,
/// - plain dates for the two columns that were `Date` in TypeScript and dates on the wire (`domain.md` §1).
struct Relaxed<'a> {
    loaded: &'a [(&'a str, &'a str)],
}

impl Relaxed<'_> {
    fn schema(&self, name: &str, schema: &Value) -> Value {
        let Some(object) = schema.as_object() else { return schema.clone() };
        let mut relaxed = Map::new();
        for (key, value) in object {
            let value = match (key.as_str(), value) {
                ("nullable", _) | ("additionalProperties", Value::Bool(false)) => continue,
                ("format", Value::String(format)) if format == "double" => continue, // any number
                ("properties", Value::Object(properties)) => self.properties(name, properties, schema),
                ("required", Value::Array(names)) => {
                    names.iter().filter(|field| !self.is_left_out(name, field, schema)).cloned().collect()
                }
                ("items" | "additionalProperties", _) => self.schema("", value),
                ("allOf", Value::Array(parts)) => parts.iter().map(|part| self.schema("", part)).collect(),
                _ => value.clone(),
            };
            relaxed.insert(key.clone(), value);
        }
        let relaxed = Value::Object(relaxed);
        if schema["nullable"] == true { or_null(&relaxed) } else { relaxed }
    }

    fn properties(&self, name: &str, properties: &Map<String, Value>, schema: &Value) -> Value {
        let required = |field: &str| {
            schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == field))
                && !self.is_left_out(name, &json!(field), schema)
        };
        let relaxed = properties.iter().map(|(field, value)| {
            let mut value = self.schema("", value);
            if name == "LeaveRequest" && ["startDate", "endDate"].contains(&field.as_str()) {
                value["format"] = json!("date");
            }
            (field.clone(), if required(field) { value } else { or_null(&value) })
        });
        Value::Object(relaxed.collect())
    }

    /// Whether a field is a relation that the first product did not send.
    fn is_left_out(&self, name: &str, field: &Value, schema: &Value) -> bool {
        let field = field.as_str().unwrap_or_default();
        let property = &schema["properties"][field];
        let target = property["$ref"].as_str().or_else(|| property["items"]["$ref"].as_str());
        let target = target.and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        // An entity is what has the columns of every table.
        let is_entity = CONTRACT["schemas"][target]["properties"]["createdByUserId"].is_object();
        is_entity && !self.loaded.contains(&(name, field))
    }

    /// A validator of one schema among all of them.
    fn validator(&self, schema: &Value) -> Validator {
        let all = CONTRACT["schemas"].as_object().expect("an object");
        let all: Map<String, Value> =
            all.iter().map(|(name, schema)| (name.clone(), self.schema(name, schema))).collect();
        build(&self.schema("", schema), &json!(all))
    }
}

fn or_null(schema: &Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

fn build(schema: &Value, schemas: &Value) -> Validator {
    let document = json!({ "allOf": [schema], "components": { "schemas": schemas } });
    jsonschema::options().should_validate_formats(true).build(&document).expect("a schema")
}

/// What is wrong with a value, if anything.
fn errors(validator: &Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn every_operation_of_the_first_product_is_a_route() {
    let (found, lacking) = operations();
    assert_eq!(lacking, [""; 0]);
    assert_eq!(found.len(), 89);
}

#[tokio::test]
async fn every_operation_of_the_first_product_answers_every_role_as_the_contract_says() {
    let api = Api::start_with(&[("DATABASE_POOL_SIZE", "8")]).await;
    let (operations, _) = operations();
    let outcomes: Vec<_> = stream::iter(operations.iter().enumerate())
        .map(|(number, operation)| examine(&api, number, operation))
        .buffer_unordered(4)
        .collect()
        .await;
    let succeeded = outcomes.iter().filter(|outcome| outcome.succeeded).count();
    let mut failures: Vec<_> = outcomes.into_iter().flat_map(|outcome| outcome.failures).collect();
    failures.sort();
    println!("{succeeded}/{}", CONTRACT["count"]);
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

struct Outcome {
    succeeded: bool,
    failures: Vec<String>,
}

/// Calls an operation as everybody.
async fn examine(api: &Api, number: usize, operation: &Operation) -> Outcome {
    let loaded: &[_] = match operation.name().as_str() {
        "GET /roles" | "GET /roles/{id}" => &[("Role", "rolePermissions"), ("RolePermission", "permission")],
        _ => &[],
    };
    let described = operation.described;
    let success = &described["responses"][operation.status.to_string()];
    let success = (!success.is_null()).then(|| Relaxed { loaded }.validator(success));
    let refusal = build(
        &json!({ "type": "object", "required": ["message"], "properties": { "message": { "type": "string" } } }),
        &json!({}),
    );
    let asked = (!described["body"].is_null())
        .then(|| build(&without_nullable(&described["body"]), &without_nullable(&CONTRACT["schemas"])));

    let mut outcome = Outcome { succeeded: false, failures: Vec::new() };
    let mut fixture = None;
    for (turn, who) in CALLERS.into_iter().chain(["nobody"]).enumerate() {
        let mut fail = |why: String| outcome.failures.push(format!("{} as {who}: {why}", operation.name()));
        let here = match &mut fixture {
            Some(here) => here,
            none => none.insert(
                Fixture::create(&api.owner, &format!("c{number}x{turn}"), api.app.now().date_naive()).await,
            ),
        };
        let person = if who == "nobody" { "employee" } else { who };
        let mut call = here.call(&DOCUMENT, operation.route, person);
        if described["body"].is_null() {
            call.body = None; // ours may take one
        }
        match (&asked, &call.body) {
            (Some(asked), Some(body)) => errors(asked, body)
                .into_iter()
                .for_each(|error| fail(format!("the request is not one of the contract: {error}"))),
            (None, None) => {}
            _ => fail("the contract has a body and the test has none, or the other way round".to_owned()),
        }
        if operation.route.path.starts_with("/auth/") {
            // Everybody calls from one address; that too many calls are refused is tested elsewhere.
            api.owner.execute("delete from throttles", &[]).await.expect("throttles");
        }
        let client = match who {
            "nobody" => api.nobody(),
            _ => api.sign_in_as(&here.company, here.person(who)).await,
        };
        let reply = client.call(&operation.route.method, call).await;
        let status = reply.status.as_u16();
        let wrong = if status == operation.status {
            outcome.succeeded = true;
            if operation.route.method != Method::GET {
                fixture = None; // the next one finds things as they were
            }
            match &success {
                Some(success) => errors(success, &reply.body),
                None if reply.body == "" => Vec::new(),
                None => vec!["a body where the contract has none".to_owned()],
            }
        } else if [401, 403, 404, 409, 422].contains(&status) {
            errors(&refusal, &reply.body)
        } else {
            vec![format!("neither {} nor a refusal", operation.status)]
        };
        for error in wrong {
            outcome.failures.push(format!(
                "{} as {who}: {status}: {error}: {:.400}",
                operation.name(),
                reply.body.to_string()
            ));
        }
        if who == "nobody" && status != 401 && status != operation.status {
            outcome.failures.push(format!(
                "{} as nobody: {status}: {:.400}",
                operation.name(),
                reply.body.to_string()
            ));
        }
        // Whoever holds every key of a company is told why not: for the list below.
        if who == "operator" && !outcome.succeeded {
            outcome.failures.push(format!(
                "{}: nobody succeeds; the last reply is {status}: {:.400}",
                operation.name(),
                reply.body.to_string()
            ));
        }
    }
    outcome
}

/// OpenAPI 3.0's `nullable` as JSON Schema says it.
fn without_nullable(schema: &Value) -> Value {
    match schema {
        Value::Object(object) => {
            let mut plain: Map<String, Value> = object
                .iter()
                .filter(|(key, _)| *key != "nullable")
                .map(|(key, value)| (key.clone(), without_nullable(value)))
                .collect();
            plain.retain(|key, value| key != "format" || value != "double");
            if object.get("nullable") == Some(&json!(true)) { or_null(&json!(plain)) } else { json!(plain) }
        }
        Value::Array(list) => list.iter().map(without_nullable).collect(),
        other => other.clone(),
    }
}
