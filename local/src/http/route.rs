//! Which route answers a path, by the rules of an HTTP API: exact text beats `{name}`, which beats `{name+}`;
//! a named method beats `ANY`; a trailing slash is another path.

use crate::template::Route;
use percent_encoding::percent_decode_str;
use std::collections::BTreeMap;

/// The route table of an HTTP API.
#[derive(Debug, Default)]
pub(crate) struct Routes(Vec<Pattern>);

#[derive(Debug)]
struct Pattern {
    segments: Vec<Segment>,
    route: Route,
}

/// In the order of precedence.
#[derive(Debug)]
enum Segment {
    Text(String),
    Parameter(String),
    Rest(String),
}

/// What a request matched.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Match<'a> {
    pub(crate) route: &'a Route,
    pub(crate) parameters: BTreeMap<String, String>,
}

impl Routes {
    pub(crate) fn new(routes: &[Route]) -> Self {
        let mut patterns: Vec<_> = routes
            .iter()
            .map(|route| Pattern {
                segments: route.path.split('/').map(Segment::parse).collect(),
                route: route.clone(),
            })
            .collect();
        // The most specific first: the first match is the answer. Texts differ among themselves, not in rank.
        let rank = |pattern: &Pattern| {
            let kinds: Vec<u8> = pattern.segments.iter().map(Segment::rank).collect();
            (kinds, pattern.route.method == "ANY")
        };
        patterns.sort_by_key(rank);
        Self(patterns)
    }

    /// Whether any route names this method.
    pub(crate) fn has_method(&self, method: &str) -> bool {
        self.0.iter().any(|pattern| pattern.route.method == method)
    }

    /// The route of a request; `path` as it was sent, still encoded.
    pub(crate) fn find(&self, method: &str, path: &str) -> Option<Match<'_>> {
        self.0.iter().find_map(|pattern| {
            let wanted = [method, "ANY"].contains(&pattern.route.method.as_str());
            let parameters = wanted.then(|| pattern.parameters(path))??;
            Some(Match { route: &pattern.route, parameters })
        })
    }
}

impl Segment {
    fn parse(text: &str) -> Self {
        match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
            Some(name) => match name.strip_suffix('+') {
                Some(name) => Self::Rest(name.to_owned()),
                None => Self::Parameter(name.to_owned()),
            },
            None => Self::Text(text.to_owned()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Text(_) => 0,
            Self::Parameter(_) => 1,
            Self::Rest(_) => 2,
        }
    }
}

impl Pattern {
    /// The parameters, decoded, if the path fits.
    fn parameters(&self, path: &str) -> Option<BTreeMap<String, String>> {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let mut parameters = BTreeMap::new();
        let mut rest = Some(path);
        for segment in &self.segments {
            let here = rest?;
            let (part, after) = match here.split_once('/') {
                Some((part, after)) => (part, Some(after)),
                None => (here, None),
            };
            match segment {
                Segment::Text(text) if text == part => {}
                Segment::Parameter(name) if !part.is_empty() => {
                    parameters.insert(name.clone(), decoded(part));
                }
                Segment::Rest(name) if !here.is_empty() => {
                    parameters.insert(name.clone(), decoded(here));
                    return Some(parameters);
                }
                _ => return None,
            }
            rest = after;
        }
        rest.is_none().then_some(parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> Routes {
        let route = |(method, path): (&str, &str)| Route {
            method: method.into(),
            path: path.into(),
            function: format!("{method} {path}"),
        };
        Routes::new(
            &[
                ("ANY", "/api/{proxy+}"),
                ("GET", "/api/exports/{id}"),
                ("ANY", "/api/exports/{name}"),
                ("GET", "/api/exports/latest"),
                ("GET", "/api/exports/{id}/download"),
                ("PUT", "/api/{kind}/{id}"),
            ]
            .map(route),
        )
    }

    fn found(method: &str, path: &str) -> Option<(String, Vec<(String, String)>)> {
        let routes = routes();
        let found = routes.find(method, path)?;
        Some((found.route.function.clone(), found.parameters.into_iter().collect()))
    }

    #[test]
    fn the_most_specific_route_answers() {
        let is = |method, path, route: &str| {
            assert_eq!(
                found(method, path).map(|(route, _)| route).as_deref(),
                Some(route),
                "{method} {path}"
            );
        };
        is("GET", "/api/exports/latest", "GET /api/exports/latest");
        is("GET", "/api/exports/7", "GET /api/exports/{id}");
        is("POST", "/api/exports/7", "ANY /api/exports/{name}");
        is("PUT", "/api/teams/7", "PUT /api/{kind}/{id}");
        is("GET", "/api/exports/7/download", "GET /api/exports/{id}/download");
        is("GET", "/api/exports/7/other/things", "ANY /api/{proxy+}");
        is("GET", "/api/exports/", "ANY /api/{proxy+}");
        assert_eq!(found("GET", "/api"), None);
        assert_eq!(found("GET", "/api/"), None);
        assert_eq!(found("GET", "/other"), None);
    }

    #[test]
    fn parameters_are_decoded() {
        let parameters = |path| found("GET", path).unwrap().1;
        assert_eq!(parameters("/api/exports/a%20b%2Fc"), [("id".into(), "a b/c".into())]);
        assert_eq!(parameters("/api/x/y/z"), [("proxy".into(), "x/y/z".into())]);
    }
}
