//! Values for what a schema of `docs/openapi.json` describes, with a fixture's ids where ids are wanted.

use super::Fixture;
use app::Route;
use chrono::Days;
use serde_json::{Map, Value, json};

/// Where values come from.
pub(crate) struct Sample<'a> {
    pub(crate) document: &'a Value,
    pub(crate) fixture: &'a Fixture,
    /// Whose ids.
    pub(crate) who: &'a str,
}

/// The description of a route.
fn operation<'a>(document: &'a Value, route: &Route) -> &'a Value {
    &document["paths"][route.path][route.method.as_str().to_lowercase()]
}

/// What a route's body has to be like, if it takes one.
pub(crate) fn body_schema<'a>(document: &'a Value, route: &Route) -> Option<&'a Value> {
    operation(document, route)["requestBody"]["content"].get("application/json")?.get("schema")
}

/// The name of the schema that a schema refers to, also where it may be null.
fn kind(schema: &Value) -> Option<&str> {
    let one = schema["oneOf"].as_array().into_iter().flatten().find_map(|choice| choice["$ref"].as_str());
    schema["$ref"].as_str().or(one)?.rsplit('/').next()
}

impl Sample<'_> {
    /// A body for a route.
    pub(crate) fn body(&self, route: &Route) -> Option<Value> {
        body_schema(self.document, route).map(|schema| self.value("", schema))
    }

    fn described(&self, route: &Route, place: &str) -> impl Iterator<Item = &Value> {
        let all = operation(self.document, route)["parameters"].as_array().into_iter().flatten();
        all.filter(move |parameter| parameter["in"] == place)
    }

    /// The kind of id that a parameter of the path is.
    #[track_caller]
    pub(crate) fn parameter(&self, route: &Route, name: &str) -> &str {
        let schema = self.described(route, "path").find(|parameter| parameter["name"] == name);
        schema.and_then(|parameter| kind(&parameter["schema"])).unwrap_or_else(|| {
            panic!(
                "{} {}: what is {name}? Describe it with its type, or tell the fixture",
                route.method, route.path
            )
        })
    }

    /// What a route's query has to have, and ids wherever it may have some.
    pub(crate) fn query(&self, route: &Route) -> String {
        let wanted = self.described(route, "query").filter_map(|parameter| {
            let name = parameter["name"].as_str()?;
            let id =
                kind(&parameter["schema"]).is_some_and(|kind| self.fixture.known(kind, self.who).is_some());
            if !id && parameter["required"] != true {
                return None;
            }
            match self.value(name, &parameter["schema"]) {
                Value::String(text) => Some(format!("{name}={text}")),
                other => Some(format!("{name}={other}")),
            }
        });
        wanted.collect::<Vec<_>>().join("&")
    }

    /// A value of a schema; `name` is the field's, which tells what an id is of where the schema does not.
    fn value(&self, name: &str, schema: &Value) -> Value {
        if let Some(target) = kind(schema) {
            if let Some(id) = self.fixture.known(target, self.who) {
                return json!(id);
            }
            return self.value(name, &self.document["components"]["schemas"][target]);
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let parts = parts.iter().filter_map(|part| self.value(name, part).as_object().cloned());
            return Value::Object(parts.flatten().collect());
        }
        for choice in ["oneOf", "anyOf"] {
            if let Some(first) =
                schema[choice].as_array().into_iter().flatten().find(|one| one["type"] != "null")
            {
                return self.value(name, first);
            }
        }
        let kind = schema["type"].as_str().or_else(|| {
            schema["type"].as_array()?.iter().filter_map(Value::as_str).find(|kind| *kind != "null")
        });
        let example = [&schema["example"], &schema["examples"][0], &schema["enum"][0], &schema["const"]];
        if let Some(example) = example.into_iter().find(|example| !example.is_null())
            && kind != Some("object")
            && schema["format"] != "uuid"
        {
            return example.clone();
        }
        match kind {
            Some("object") => {
                let properties = schema["properties"].as_object().into_iter().flatten();
                Value::Object(
                    properties
                        .map(|(name, schema)| (name.clone(), self.value(name, schema)))
                        .collect::<Map<_, _>>(),
                )
            }
            Some("array") => {
                let least = schema["minItems"].as_u64().unwrap_or(1).max(1);
                (0..least).map(|_| self.value(name, &schema["items"])).collect()
            }
            Some("boolean") => json!(false),
            Some("integer" | "number") => {
                schema["minimum"].as_i64().map_or(json!(1), |least| json!(least.max(1)))
            }
            _ => json!(self.text(name, schema)),
        }
    }

    fn text(&self, name: &str, schema: &Value) -> String {
        let soon = self.fixture.week.start() + Days::new(42);
        match schema["format"].as_str() {
            Some("uuid") => {
                let head = name.trim_end_matches('s');
                let kind = head.chars().next().map(|c| c.to_uppercase().to_string() + &head[c.len_utf8()..]);
                let kind = kind.unwrap_or_default();
                // `users` are ids of users, as `userId` is one.
                let id = self.fixture.known(&format!("{kind}Id"), self.who);
                id.unwrap_or_else(|| self.fixture.id(&kind, self.who)).to_string()
            }
            Some("date") => soon.to_string(),
            Some("date-time") => format!("{soon}T08:00:00.000Z"),
            Some("email") => format!("sample@{}.test", self.fixture.name),
            _ => {
                let least =
                    usize::try_from(schema["minLength"].as_u64().unwrap_or_default()).unwrap_or_default();
                format!("{:x<least$}", "sample")
            }
        }
    }
}
