//! The `CloudFormation` functions that decide what runs, worked out with the parameters' defaults.
//! What only a deployed stack knows (attributes, pseudo parameters) stays as it is written.

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value as Json, json};
use serde_yaml_ng::Value as Yaml;

/// Parameters, mappings and conditions of one template.
#[derive(Debug, Default)]
pub(super) struct Scope {
    parameters: Map<String, Json>,
    mappings: Json,
    conditions: Json,
}

/// YAML with short tags (`!Ref x`) as JSON with the long names (`{"Ref": "x"}`).
pub(super) fn long_form(value: Yaml) -> Result<Json> {
    Ok(match value {
        Yaml::Null => Json::Null,
        Yaml::Bool(bool) => bool.into(),
        Yaml::Number(number) => serde_json::to_value(number)?,
        Yaml::String(text) => text.into(),
        Yaml::Sequence(items) => items.into_iter().map(long_form).collect::<Result<_>>()?,
        Yaml::Mapping(entries) => entries
            .into_iter()
            .map(|(key, value)| match key {
                Yaml::String(key) => Ok((key, long_form(value)?)),
                Yaml::Number(key) => Ok((key.to_string(), long_form(value)?)),
                other => bail!("a key must be text, not {other:?}"),
            })
            .collect::<Result<_>>()?,
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let name = match tag.trim_start_matches('!') {
                same @ ("Ref" | "Condition") => same.to_owned(),
                function => format!("Fn::{function}"),
            };
            json!({ name: long_form(tagged.value)? })
        }
    })
}

/// The one `(name, argument)` of an object that is a function call.
pub(super) fn call(value: &Json) -> Option<(&str, &Json)> {
    let mut entries = value.as_object()?.iter();
    match (entries.next(), entries.next()) {
        (Some((name, argument)), None)
            if name == "Ref" || name == "Condition" || name.starts_with("Fn::") =>
        {
            Some((name, argument))
        }
        _ => None,
    }
}

/// Every `Name` in the `${Name}` or `${Name.Attribute}` of a `Fn::Sub` text; `${!literal}` is none.
pub(super) fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split("${")
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name)
        .filter(|name| !name.starts_with('!'))
}

impl Scope {
    /// Reads the `Parameters` (each with a default), `Mappings` and `Conditions` of a template.
    pub(super) fn new(template: &Json) -> Self {
        let defaults = template["Parameters"].as_object().into_iter().flatten();
        Self {
            parameters: defaults
                .map(|(name, parameter)| (name.clone(), parameter["Default"].clone()))
                .collect(),
            mappings: template["Mappings"].clone(),
            conditions: template["Conditions"].clone(),
        }
    }

    /// The value with parameters, conditions, mappings and substitutions worked out.
    pub(super) fn resolve(&self, value: &Json) -> Result<Json> {
        if let Some((name, argument)) = call(value) {
            return self.evaluate(name, argument);
        }
        Ok(match value {
            Json::Array(items) => items.iter().map(|item| self.resolve(item)).collect::<Result<_>>()?,
            Json::Object(entries) => entries
                .iter()
                .map(|(key, value)| Ok((key.clone(), self.resolve(value)?)))
                .collect::<Result<_>>()?,
            plain => plain.clone(),
        })
    }

    /// Whether a named condition holds.
    pub(super) fn holds(&self, condition: &str) -> Result<bool> {
        let expression =
            self.conditions.get(condition).with_context(|| format!("no condition {condition}"))?;
        self.resolve(expression)?
            .as_bool()
            .with_context(|| format!("condition {condition} is not true or false"))
    }

    fn evaluate(&self, name: &str, argument: &Json) -> Result<Json> {
        match name {
            "Ref" => Ok(match argument.as_str() {
                Some("AWS::NoValue") => Json::Null,
                Some(reference) => {
                    self.parameters.get(reference).cloned().unwrap_or_else(|| json!({ "Ref": reference }))
                }
                None => bail!("Ref wants a name, not {argument}"),
            }),
            "Condition" => Ok(self.holds(argument.as_str().context("Condition wants a name")?)?.into()),
            "Fn::If" => match argument.as_array().map(Vec::as_slice) {
                Some([Json::String(condition), yes, no]) => {
                    self.resolve(if self.holds(condition)? { yes } else { no })
                }
                _ => bail!("Fn::If wants [condition, value, value], not {argument}"),
            },
            "Fn::Equals" => match self.resolve(argument)?.as_array().map(Vec::as_slice) {
                Some([left, right]) => Ok((text(left) == text(right)).into()),
                _ => bail!("Fn::Equals wants two values, not {argument}"),
            },
            "Fn::Not" | "Fn::And" | "Fn::Or" => {
                let values = self.resolve(argument)?;
                let mut values =
                    values.as_array().into_iter().flatten().map(|value| value == &Json::Bool(true));
                Ok(match name {
                    "Fn::Not" => !values.next().unwrap_or(false),
                    "Fn::And" => values.all(|value| value),
                    _ => values.any(|value| value),
                }
                .into())
            }
            "Fn::FindInMap" => {
                let path = self.resolve(argument)?;
                let steps = path.as_array().context("Fn::FindInMap wants a list")?;
                steps
                    .iter()
                    .try_fold(&self.mappings, |at, step| at.get(text(step)))
                    .cloned()
                    .with_context(|| format!("nothing at {path} in Mappings"))
            }
            "Fn::Sub" => self.substitute(argument),
            other => Ok(json!({ other: self.resolve(argument)? })),
        }
    }

    /// `Fn::Sub`: what is known is filled in; the call stays as it is while something is not.
    fn substitute(&self, argument: &Json) -> Result<Json> {
        let (template, variables) = match argument {
            Json::String(template) => (template, Json::Null),
            Json::Array(parts) => match parts.as_slice() {
                [Json::String(template), variables] => (template, self.resolve(variables)?),
                _ => bail!("Fn::Sub wants [text, variables], not {argument}"),
            },
            _ => bail!("Fn::Sub wants text, not {argument}"),
        };
        let mut filled = template.clone();
        for name in placeholders(template) {
            let known = variables.get(name).or_else(|| self.parameters.get(name));
            if let Some(value) = known.filter(|value| !value.is_object()) {
                filled = filled.replace(&format!("${{{name}}}"), &text(value));
            }
        }
        Ok(if placeholders(&filled).next().is_some() { json!({ "Fn::Sub": filled }) } else { filled.into() })
    }
}

/// `CloudFormation` compares and prints scalars as text: `'1'` equals `1`.
fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str) -> Scope {
        Scope::new(&long_form(serde_yaml_ng::from_str(text).unwrap()).unwrap())
    }

    fn resolve(scope: &Scope, text: &str) -> Json {
        scope.resolve(&long_form(serde_yaml_ng::from_str(text).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn conditions_choose_with_the_parameters_defaults() {
        let scope = scope(
            "
            Parameters: {Stage: {Type: String, Default: dev}, Count: {Type: Number, Default: 3}}
            Mappings: {Rates: {dev: {relay: rate(15 minutes)}}}
            Conditions:
              IsProd: !Equals [!Ref Stage, prod]
              IsDev: !Not [!Condition IsProd]
              Both: !And [!Condition IsDev, !Equals [!Ref Count, '3']]",
        );
        assert_eq!(resolve(&scope, "!If [IsProd, 1, 2]"), 2);
        assert_eq!(resolve(&scope, "!If [Both, !Ref Count, 0]"), 3);
        assert_eq!(resolve(&scope, "!FindInMap [Rates, !Ref Stage, relay]"), "rate(15 minutes)");
        assert_eq!(resolve(&scope, "!If [IsProd, 1, !Ref AWS::NoValue]"), Json::Null);
        assert!(scope.holds("Missing").unwrap_err().to_string().contains("Missing"));
    }

    #[test]
    fn substitution_fills_in_what_is_known_and_leaves_the_rest() {
        let scope = scope("Parameters: {Stage: {Default: dev}}");
        assert_eq!(resolve(&scope, "!Sub 'gogotime-${Stage}'"), "gogotime-dev");
        assert_eq!(resolve(&scope, "!Sub ['${A}-${Stage}', {A: x}]"), "x-dev");
        assert_eq!(resolve(&scope, "!Sub '${Stage}-${Queue.Arn}'"), json!({"Fn::Sub": "dev-${Queue.Arn}"}));
        assert_eq!(resolve(&scope, "!GetAtt Queue.Arn"), json!({"Fn::GetAtt": "Queue.Arn"}));
    }
}
