//! The deployed shape, read from `template.yaml`: what `local` runs is what is deployed, so the two
//! cannot drift. Every error names the resource it is about.

mod intrinsic;

use crate::runtime::Limits;
use anyhow::{Context as _, Result, bail, ensure};
use domain::QueueName;
use intrinsic::Scope;
use serde_json::Value as Json;
use std::{collections::BTreeMap, path::Path, time::Duration};

/// What of the template matters for running it.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// Every function by its binary's name.
    pub functions: BTreeMap<String, Limits>,
    /// The HTTP API.
    pub routes: Vec<Route>,
    /// CORS as the gateway answers it; its origins come from the environment.
    pub cors: Option<Cors>,
    /// The WebSocket API, if there is one.
    pub socket: Option<SocketRoutes>,
    /// Queues with a function behind them.
    pub queues: Vec<QueueSource>,
    /// Functions that a clock starts.
    pub schedules: Vec<Schedule>,
}

/// A route of the HTTP API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The method in upper case, or `ANY`.
    pub method: String,
    /// The path with `{name}` and, last, `{name+}`.
    pub path: String,
    /// The function's name.
    pub function: String,
}

/// `CorsConfiguration` of the HTTP API, without its origins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    /// Methods that a preflight allows.
    pub methods: Vec<String>,
    /// Request headers that a preflight allows.
    pub headers: Vec<String>,
    /// Response headers that a script may read.
    pub exposed: Vec<String>,
    /// Whether cookies may travel.
    pub credentials: bool,
}

/// The functions behind the routes of the WebSocket API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketRoutes {
    /// `$connect`: decides whether the socket opens.
    pub connect: String,
    /// `$disconnect`, if it is a route.
    pub disconnect: Option<String>,
    /// `$default`: every message.
    pub default: String,
}

/// An event source mapping together with its queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSource {
    /// Which queue; the resource is called `<Name>Queue`.
    pub queue: QueueName,
    /// The function's name.
    pub function: String,
    /// Most records of one invocation.
    pub batch_size: u32,
    /// How long Lambda may wait to fill a batch.
    pub window: Duration,
    /// How long a received message stays hidden.
    pub visibility: Duration,
    /// Receives after which a message goes to the dead-letter queue.
    pub max_receives: u32,
    /// Whether a reply may fail single records (`ReportBatchItemFailures`).
    pub reports_failures: bool,
}

/// A function with a rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The function's name.
    pub function: String,
    /// Time between two starts.
    pub every: Duration,
}

/// A resource with its properties worked out.
struct Resource {
    id: String,
    kind: String,
    properties: Json,
}

impl Template {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} cannot be run", path.display()))
    }

    /// Reads the text of a SAM template.
    pub fn parse(text: &str) -> Result<Self> {
        let mut yaml: serde_yaml_ng::Value = serde_yaml_ng::from_str(text).context("not YAML")?;
        yaml.apply_merge().context("a merge key (<<) is wrong")?;
        let document = intrinsic::long_form(yaml)?;
        let resources = resources(&document)?;
        let globals = Resource {
            id: "Globals.Function".into(),
            kind: String::new(),
            properties: Scope::new(&document).resolve(&document["Globals"]["Function"])?,
        };
        let functions = Functions::new(&resources, &globals)?;

        let mut template = Self {
            functions: functions.limits.clone(),
            routes: Vec::new(),
            cors: None,
            socket: None,
            queues: Vec::new(),
            schedules: Vec::new(),
        };
        let mut socket: BTreeMap<String, String> = BTreeMap::new();
        for resource in resources.values() {
            match resource.kind.as_str() {
                "AWS::Serverless::Function" => {
                    template.add_events(resource, &functions.names[&resource.id])?;
                }
                "AWS::Serverless::HttpApi" => {
                    template.cors = resource.get("/CorsConfiguration").map(Cors::read);
                }
                "AWS::Lambda::EventSourceMapping" => {
                    template.queues.push(mapping(resource, &resources, &functions)?);
                }
                "AWS::ApiGatewayV2::Route" if resource.text("/RouteKey")?.starts_with('$') => {
                    let function = functions.behind(&resource.properties["Target"], &resources);
                    let function = function.with_context(|| resource.about("no function behind Target"))?;
                    socket.insert(resource.text("/RouteKey")?.to_owned(), function);
                }
                "AWS::Serverless::WebSocketApi" => {
                    for (key, route) in
                        resource.get("/Routes").and_then(Json::as_object).into_iter().flatten()
                    {
                        let function = functions.behind(&route["FunctionArn"], &resources);
                        let function =
                            function.with_context(|| resource.about(&format!("no function behind {key}")))?;
                        socket.insert(key.clone(), function);
                    }
                }
                _ => {}
            }
        }
        if !socket.is_empty() {
            let mut route = |key: &str| socket.remove(key);
            let (connect, disconnect, default) = (route("$connect"), route("$disconnect"), route("$default"));
            template.socket = Some(SocketRoutes {
                connect: connect.context("the WebSocket API has no route $connect")?,
                disconnect,
                default: default.context("the WebSocket API has no route $default")?,
            });
        }
        Ok(template)
    }

    fn add_events(&mut self, function: &Resource, name: &str) -> Result<()> {
        for (event, value) in function.get("/Events").and_then(Json::as_object).into_iter().flatten() {
            let kind = value["Type"].as_str().unwrap_or_default();
            let event = Resource {
                id: format!("{}.Events.{event}", function.id),
                kind: kind.to_owned(),
                properties: value["Properties"].clone(),
            };
            match kind {
                "HttpApi" => {
                    let method = event.text("/Method")?.to_ascii_uppercase();
                    let path = event.text("/Path")?.to_owned();
                    ensure!(
                        path.starts_with('/'),
                        event.about(&format!("Path {path} does not begin with /"))
                    );
                    if let Some(twin) =
                        self.routes.iter().find(|route| route.method == method && route.path == path)
                    {
                        bail!(
                            event.about(&format!("{method} {path} is a route of {} already", twin.function))
                        );
                    }
                    self.routes.push(Route { method, path, function: name.to_owned() });
                }
                "ScheduleV2" | "Schedule" => {
                    if event.get("/State").and_then(Json::as_str) == Some("DISABLED") {
                        continue;
                    }
                    let expression =
                        event.text(if kind == "Schedule" { "/Schedule" } else { "/ScheduleExpression" })?;
                    let every = rate(expression)
                        .with_context(|| event.about(&format!("`{expression}` is not rate(N minutes)")))?;
                    self.schedules.push(Schedule { function: name.to_owned(), every });
                }
                other => bail!(event.about(&format!("events of type `{other}` are not run locally"))),
            }
        }
        Ok(())
    }
}

impl Cors {
    fn read(value: &Json) -> Self {
        let list = |key: &str| {
            value[key].as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
        };
        Self {
            methods: list("AllowMethods"),
            headers: list("AllowHeaders"),
            exposed: list("ExposeHeaders"),
            credentials: value["AllowCredentials"] == Json::Bool(true),
        }
    }
}

/// Every resource whose condition holds.
fn resources(document: &Json) -> Result<BTreeMap<String, Resource>> {
    let scope = Scope::new(document);
    let mut resources = BTreeMap::new();
    for (id, value) in document["Resources"].as_object().context("the template has no Resources")? {
        let resolved = (|| {
            if let Some(condition) = value["Condition"].as_str()
                && !scope.holds(condition)?
            {
                return Ok(None);
            }
            scope.resolve(&value["Properties"]).map(Some)
        })();
        let Some(properties) = resolved.with_context(|| format!("resource {id}"))? else { continue };
        let kind =
            value["Type"].as_str().with_context(|| format!("resource {id}: Type is missing"))?.to_owned();
        resources.insert(id.clone(), Resource { id: id.clone(), kind, properties });
    }
    Ok(resources)
}

impl Resource {
    /// The error message about this resource.
    fn about(&self, problem: &str) -> String {
        format!("resource {}: {problem}", self.id)
    }

    /// The property at a JSON pointer; null is absent.
    fn get(&self, pointer: &str) -> Option<&Json> {
        self.properties.pointer(pointer).filter(|value| !value.is_null())
    }

    fn text(&self, pointer: &str) -> Result<&str> {
        let value =
            self.get(pointer).with_context(|| self.about(&format!("{} is missing", &pointer[1..])))?;
        value.as_str().with_context(|| self.about(&format!("{} must be text, not {value}", &pointer[1..])))
    }

    /// A number, also one that is written as text.
    fn number(&self, pointer: &str) -> Result<Option<u64>> {
        let Some(value) = self.get(pointer) else { return Ok(None) };
        let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
        number
            .map(Some)
            .with_context(|| self.about(&format!("{} must be a number, not {value}", &pointer[1..])))
    }

    fn seconds(&self, pointer: &str) -> Result<Option<Duration>> {
        Ok(self.number(pointer)?.map(Duration::from_secs))
    }

    fn small_number(&self, pointer: &str) -> Result<Option<u32>> {
        let number = self.number(pointer)?.map(u32::try_from).transpose();
        number.with_context(|| self.about(&format!("{} is too large", &pointer[1..])))
    }
}

/// The function resources: the binary's name is the last part of `CodeUri`.
struct Functions {
    /// Logical id to binary.
    names: BTreeMap<String, String>,
    limits: BTreeMap<String, Limits>,
}

impl Functions {
    fn new(resources: &BTreeMap<String, Resource>, globals: &Resource) -> Result<Self> {
        let mut functions = Self { names: BTreeMap::new(), limits: BTreeMap::new() };
        for resource in resources.values().filter(|resource| resource.kind == "AWS::Serverless::Function") {
            let code = resource.text("/CodeUri")?.trim_end_matches('/');
            let name = code.rsplit('/').next().unwrap_or_default().to_owned();
            ensure!(
                !name.is_empty() && name != ".",
                resource.about("CodeUri does not end in the binary's name")
            );
            let timeout = resource.seconds("/Timeout")?.or(globals.seconds("/Timeout")?);
            let memory = resource.small_number("/MemorySize")?.or(globals.small_number("/MemorySize")?);
            let limits = Limits {
                timeout: timeout.unwrap_or(Limits::default().timeout),
                memory_mb: memory.unwrap_or(Limits::default().memory_mb),
            };
            if functions.limits.insert(name.clone(), limits).is_some() {
                bail!(resource.about(&format!("another function has the binary {name} too")));
            }
            functions.names.insert(resource.id.clone(), name);
        }
        Ok(functions)
    }

    /// The function that a value refers to: directly, through its alias, or through an integration.
    fn behind(&self, value: &Json, resources: &BTreeMap<String, Resource>) -> Option<String> {
        references(value).into_iter().find_map(|id| {
            self.names.get(id).cloned().or_else(|| {
                let integration =
                    resources.get(id).filter(|it| it.kind == "AWS::ApiGatewayV2::Integration")?;
                self.behind(&integration.properties["IntegrationUri"], resources)
            })
        })
    }
}

/// Logical ids that a value refers to, in order.
fn references(value: &Json) -> Vec<&str> {
    let head = |name: &'_ str| name.split_once('.').map_or(name.len(), |(id, _)| id.len());
    match (intrinsic::call(value), value) {
        (Some(("Ref" | "Fn::GetAtt", Json::String(name))), _) => vec![&name[..head(name)]],
        (Some(("Fn::GetAtt", Json::Array(path))), _) => {
            path.first().and_then(Json::as_str).into_iter().collect()
        }
        (Some(("Fn::Sub", Json::String(text))), _) => {
            intrinsic::placeholders(text).map(|name| &name[..head(name)]).collect()
        }
        (_, Json::Array(items)) => items.iter().flat_map(references).collect(),
        (_, Json::Object(entries)) => entries.values().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// One event source mapping, with the checks that AWS makes at its creation.
fn mapping(
    it: &Resource,
    resources: &BTreeMap<String, Resource>,
    functions: &Functions,
) -> Result<QueueSource> {
    let source = it.get("/EventSourceArn").with_context(|| it.about("EventSourceArn is missing"))?;
    let queue = references(source).into_iter().find_map(|id| resources.get(id));
    let queue = queue
        .filter(|queue| queue.kind == "AWS::SQS::Queue")
        .with_context(|| it.about("EventSourceArn refers to no AWS::SQS::Queue of this template"))?;
    let name = QueueName::ALL.into_iter().find(|name| queue.id.eq_ignore_ascii_case(&format!("{name}Queue")));
    let name = name.with_context(|| {
        queue.about(&format!(
            "a queue is called <Name>Queue, the name one of {:?}",
            QueueName::ALL.map(QueueName::as_str)
        ))
    })?;
    let function = it.get("/FunctionName").and_then(|value| functions.behind(value, resources));
    let function =
        function.with_context(|| it.about("FunctionName refers to no function of this template"))?;

    let batch_size = it.small_number("/BatchSize")?.unwrap_or(10);
    let window = it.seconds("/MaximumBatchingWindowInSeconds")?.unwrap_or_default();
    ensure!(batch_size >= 1, it.about("BatchSize must be at least 1"));
    ensure!(
        batch_size <= 10 || !window.is_zero(),
        it.about("a BatchSize over 10 needs MaximumBatchingWindowInSeconds of at least 1")
    );
    let visibility = queue.seconds("/VisibilityTimeout")?.unwrap_or(Duration::from_secs(30));
    let timeout = functions.limits[&function].timeout;
    ensure!(
        visibility >= timeout,
        queue.about(&format!(
            "VisibilityTimeout ({} s) is below the timeout of {function} ({} s)",
            visibility.as_secs(),
            timeout.as_secs()
        ))
    );
    let max_receives = queue.small_number("/RedrivePolicy/maxReceiveCount")?;
    let kinds = it.get("/FunctionResponseTypes").and_then(Json::as_array).into_iter().flatten();
    Ok(QueueSource {
        queue: name,
        function,
        batch_size,
        window,
        visibility,
        max_receives: max_receives
            .with_context(|| queue.about("RedrivePolicy.maxReceiveCount is missing"))?,
        reports_failures: kinds.into_iter().any(|kind| kind == "ReportBatchItemFailures"),
    })
}

/// `rate(15 minutes)`.
fn rate(expression: &str) -> Option<Duration> {
    let (count, unit) = expression.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
    let seconds = match unit.trim().trim_end_matches('s') {
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => return None,
    };
    let count: u64 = count.parse().ok().filter(|count| *count > 0)?;
    count.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every form that the conventions allow, once.
    const TEMPLATE: &str = include_str!("../tests/template.yaml");

    fn error(from: &str, to: &str) -> String {
        assert!(TEMPLATE.contains(from), "{from}");
        format!("{:#}", Template::parse(&TEMPLATE.replace(from, to)).unwrap_err())
    }

    #[test]
    fn functions_take_their_name_from_code_uri_and_their_limits_from_globals() {
        let functions = Template::parse(TEMPLATE).unwrap().functions;
        assert_eq!(functions["api-system"], Limits { timeout: Duration::from_secs(10), memory_mb: 256 });
        assert_eq!(functions["api-login"], Limits { timeout: Duration::from_secs(5), memory_mb: 1024 });
        assert_eq!(functions.len(), 6, "a function whose condition is false does not exist: {functions:?}");
    }

    #[test]
    fn routes_sockets_queues_and_schedules_find_their_functions() {
        let template = Template::parse(TEMPLATE).unwrap();
        let route = |method: &str, path: &str, function: &str| Route {
            method: method.into(),
            path: path.into(),
            function: function.into(),
        };
        assert_eq!(
            template.routes,
            [
                route("POST", "/api/auth/login", "api-login"),
                route("GET", "/api/system/health", "api-system"),
                route("GET", "/api/timesheet/weeks/{weekStart}/timesheet", "api-system"),
            ]
        );
        let socket = template.socket.unwrap();
        assert_eq!((socket.connect.as_str(), socket.default.as_str()), ("websocket", "websocket"));
        assert_eq!(socket.disconnect.as_deref(), Some("websocket"));
        let queue = |queue, function: &str, batch_size, visibility, reports_failures| QueueSource {
            queue,
            function: function.into(),
            batch_size,
            window: Duration::ZERO,
            visibility: Duration::from_secs(visibility),
            max_receives: 5,
            reports_failures,
        };
        assert_eq!(
            template.queues,
            [
                queue(QueueName::Exports, "queue-exports", 1, 1800, false),
                queue(QueueName::Notifications, "queue-notifications", 10, 60, true),
            ]
        );
        assert_eq!(
            template.schedules,
            [Schedule { function: "schedule-relay".into(), every: Duration::from_mins(15) }],
            "the default of Stage chooses the slower rate, a disabled schedule is none"
        );
        assert_eq!(template.cors.unwrap().headers, ["authorization", "content-type"]);
    }

    #[test]
    fn errors_name_the_resource() {
        assert!(
            error("CodeUri: target/lambda/api-system/", "")
                .contains("resource SystemFunction: CodeUri is missing")
        );
        assert!(
            error("Path: /api/auth/login", "Path: auth").contains("LoginFunction.Events.Login: Path auth")
        );
        assert!(
            error("Timeout: 5", "Timeout: soon")
                .contains(r#"LoginFunction: Timeout must be a number, not "soon""#)
        );
        assert!(
            error("rate(15 minutes)", "cron(0 1 * * ? *)").contains("RelayFunction.Events.Often: `cron(0 1")
        );
        assert!(
            error("!GetAtt ExportsQueue.Arn", "!GetAtt Nothing.Arn")
                .contains("ExportsMapping: EventSourceArn")
        );
        assert!(
            error("VisibilityTimeout: 60", "VisibilityTimeout: 2")
                .contains("NotificationsQueue: VisibilityTimeout (2 s)")
        );
        assert!(
            error("/api/system/health, Method: GET", "/api/auth/login, Method: POST")
                .contains("api-login already")
        );
    }

    #[test]
    fn a_rate_is_a_count_of_minutes_hours_or_days() {
        assert_eq!(rate("rate(1 minute)"), Some(Duration::from_mins(1)));
        assert_eq!(rate("rate(2 hours)"), Some(Duration::from_hours(2)));
        assert_eq!(rate("rate(0 minutes)"), None);
        assert_eq!(rate("cron(0 1 * * ? *)"), None);
    }
}
