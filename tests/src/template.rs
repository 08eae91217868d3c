//! Holds `template.yaml` and the code together: routes, binaries, queues, variables, rights, schedules.
//! Every failure names the route, function, queue or variable that differs.

use app::Route;
use domain::QueueName;
use serde_json::{Value as Json, json};
use serde_yaml_ng::Value as Yaml;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What API Gateway puts before every route.
const BASE_PATH: &str = "/api";

/// Every HTTP route that the code serves.
pub(crate) fn code_routes() -> impl Iterator<Item = &'static Route> {
    [
        api_auth::ROUTES,
        api_calendar::ROUTES,
        api_codes::ROUTES,
        api_company::ROUTES,
        api_entries::ROUTES,
        api_exports::ROUTES,
        api_leave::ROUTES,
        api_realtime::ROUTES,
        api_reports::ROUTES,
        api_roles::ROUTES,
        api_system::ROUTES,
        api_teams::ROUTES,
        api_timesheets::ROUTES,
        api_users::ROUTES,
    ]
    .into_iter()
    .flatten()
}

/// What each function may do, by hand: whoever widens it says so here too. A right is an action and what it is
/// allowed on: a resource or parameter of the template, or a database user.
const RIGHTS: &[(&str, &[&str])] = &[
    (
        "api-system",
        &["elasticache:Connect Cache", "elasticache:Connect CacheUser", "rds-db:connect gogotime_api"],
    ),
    ("api-login", &["rds-db:connect gogotime_worker"]),
    ("api-auth", &["rds-db:connect gogotime_api"]),
    ("api-account", &["rds-db:connect gogotime_worker", "sqs:SendMessage NotificationsQueue"]),
    ("api-users", &["rds-db:connect gogotime_api", "sqs:SendMessage NotificationsQueue"]),
    ("api-roles", &["rds-db:connect gogotime_api"]),
    ("api-company", &["rds-db:connect gogotime_api"]),
    ("api-platform", &["rds-db:connect gogotime_api", "sqs:SendMessage NotificationsQueue"]),
    ("api-teams", &["rds-db:connect gogotime_api"]),
    ("api-leave", &["rds-db:connect gogotime_api", "sqs:SendMessage NotificationsQueue"]),
    ("api-codes", &["rds-db:connect gogotime_api"]),
    ("api-calendar", &["rds-db:connect gogotime_api"]),
    (
        "api-entries",
        &["rds-db:connect gogotime_api", "sqs:SendMessage LiveQueue", "sqs:SendMessage NotificationsQueue"],
    ),
    (
        "api-timesheets",
        &["rds-db:connect gogotime_api", "sqs:SendMessage LiveQueue", "sqs:SendMessage NotificationsQueue"],
    ),
    (
        "api-reports",
        &["elasticache:Connect Cache", "elasticache:Connect CacheUser", "rds-db:connect gogotime_api"],
    ),
    (
        "api-exports",
        &["rds-db:connect gogotime_api", "s3:GetObject ExportsBucket", "sqs:SendMessage ExportsQueue"],
    ),
    ("api-realtime", &["rds-db:connect gogotime_api"]),
    ("websocket", &["rds-db:connect gogotime_worker", "sqs:SendMessage LiveQueue"]),
    (
        "queue-notifications",
        &[
            "rds-db:connect gogotime_worker",
            "ses:SendEmail MailDomain",
            "ses:SendRawEmail MailDomain",
            "sqs:ChangeMessageVisibility NotificationsQueue",
            "sqs:DeleteMessage NotificationsQueue",
            "sqs:GetQueueAttributes NotificationsQueue",
            "sqs:ReceiveMessage NotificationsQueue",
        ],
    ),
    (
        "queue-exports",
        &[
            "rds-db:connect gogotime_worker",
            "s3:AbortMultipartUpload ExportsBucket",
            "s3:DeleteObject ExportsBucket",
            "s3:PutObject ExportsBucket",
            "sqs:ChangeMessageVisibility ExportsQueue",
            "sqs:DeleteMessage ExportsQueue",
            "sqs:GetQueueAttributes ExportsQueue",
            "sqs:ReceiveMessage ExportsQueue",
            "sqs:SendMessage LiveQueue",
            "sqs:SendMessage NotificationsQueue",
        ],
    ),
    (
        "queue-live",
        &[
            "rds-db:connect gogotime_worker",
            "sqs:ChangeMessageVisibility LiveQueue",
            "sqs:DeleteMessage LiveQueue",
            "sqs:GetQueueAttributes LiveQueue",
            "sqs:ReceiveMessage LiveQueue",
            "sqs:SendMessage PushQueue",
        ],
    ),
    (
        "queue-push",
        &[
            "execute-api:ManageConnections WebSocketApi",
            "sqs:ChangeMessageVisibility PushQueue",
            "sqs:DeleteMessage PushQueue",
            "sqs:GetQueueAttributes PushQueue",
            "sqs:ReceiveMessage PushQueue",
            "sqs:SendMessage LiveQueue",
        ],
    ),
    (
        "queue-reports",
        &[
            "elasticache:Connect Cache",
            "elasticache:Connect CacheUser",
            "rds-db:connect gogotime_worker",
            "sqs:ChangeMessageVisibility ReportsQueue",
            "sqs:DeleteMessage ReportsQueue",
            "sqs:GetQueueAttributes ReportsQueue",
            "sqs:ReceiveMessage ReportsQueue",
        ],
    ),
    (
        "schedule-relay",
        &[
            "rds-db:connect gogotime_worker",
            "sqs:SendMessage ExportsQueue",
            "sqs:SendMessage LiveQueue",
            "sqs:SendMessage NotificationsQueue",
            "sqs:SendMessage ReportsQueue",
        ],
    ),
    (
        "schedule-nightly",
        &[
            "rds-db:connect gogotime_worker",
            "sqs:SendMessage ExportsQueue",
            "sqs:SendMessage LiveQueue",
            "sqs:SendMessage NotificationsQueue",
        ],
    ),
    (
        "schedule-auto-submit",
        &[
            "rds-db:connect gogotime_worker",
            "sqs:SendMessage LiveQueue",
            "sqs:SendMessage NotificationsQueue",
        ],
    ),
    ("schedule-heartbeat", &["rds-db:connect gogotime_worker", "sqs:SendMessage PushQueue"]),
    ("schedule-verify", &["rds-db:connect gogotime_worker"]),
    ("schedule-migrate", &["rds-db:connect gogotime_owner"]),
];

/// HTTP functions that look for a user before they know the company.
const BEFORE_ANYBODY: &[&str] = &["api-account", "api-login"];

/// Functions that a clock starts, and how often.
const SCHEDULES: &[(&str, &str)] = &[
    ("schedule-auto-submit", "rate(15 minutes)"),
    ("schedule-heartbeat", "rate(5 minutes)"),
    ("schedule-nightly", "rate(15 minutes)"),
    ("schedule-relay", "rate(1 minute)"),
    ("schedule-verify", "rate(1 hour)"),
];

/// Variables that a deployment of this template has no use for: another way to say the same, or a fallback.
const NOT_DEPLOYED: &[&str] = &[
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "CACHE_CA_FILE",
    "CORS_ORIGIN",
    "DATABASE_PASSWORD",
    "DATABASE_PORT",
    "DATABASE_URL",
    "FILES_URL",
    "RETRY_BASE_MS",
];

/// Statements that need a wildcard, and why. None does.
const WILDCARDS: &[&str] = &[];

#[test]
fn every_route_of_the_code_is_deployed_and_every_deployed_route_has_code() {
    let code: BTreeSet<_> =
        code_routes().map(|route| line(route.method.as_str(), route.path, route.function)).collect();
    let deployed = Template::read().routes().into_iter().collect();
    same("route", "the ROUTE constants", &code, "template.yaml", &deployed);
}

#[test]
fn every_binary_is_a_function_and_every_function_a_binary() {
    let deployed = Template::read().functions.into_keys().collect();
    same("function", "binaries under functions/", &binaries(), "template.yaml", &deployed);
    let known = RIGHTS.iter().map(|(function, _)| (*function).to_owned()).collect();
    same("function", "binaries under functions/", &binaries(), "the table of rights", &known);
}

#[test]
fn local_reads_what_is_deployed() {
    let template = Template::read();
    let local = local::template::Template::read(&root().join("template.yaml")).unwrap();
    let routes =
        local.routes.iter().map(|route| format!("{} {} → {}", route.method, route.path, route.function));
    same("route", "template.yaml", &template.routes().into_iter().collect(), "local", &routes.collect());
    let functions = local.functions.keys().cloned().collect();
    same("function", "template.yaml", &template.functions.keys().cloned().collect(), "local", &functions);
    assert_eq!(local.queues.len(), QueueName::ALL.len(), "queues that local serves");
    assert_eq!(local.schedules.len(), SCHEDULES.len(), "schedules that local keeps");
    assert!(local.cors.is_some_and(|cors| cors.credentials), "the page's cookie needs AllowCredentials");
    let socket = local.socket.unwrap();
    for (key, function) in [
        ("$connect", Some(socket.connect)),
        ("$disconnect", socket.disconnect),
        ("$default", Some(socket.default)),
    ] {
        assert_eq!(function.as_deref(), Some("websocket"), "{key}");
    }
}

#[test]
fn replies_to_frames_go_back_in_band() {
    let template = Template::read();
    let answered =
        template.of_type("AWS::ApiGatewayV2::RouteResponse").filter_map(|(_, it)| reference(&it["RouteId"]));
    let answered: Vec<_> = answered.map(|id| template.properties(&id)["RouteKey"].clone()).collect();
    assert_eq!(answered, ["$default"], "routes with a RouteResponse");
    for (id, route) in template.of_type("AWS::ApiGatewayV2::Route") {
        let answers = route["RouteResponseSelectionExpression"] == "$default";
        assert_eq!(answers, route["RouteKey"] == "$default", "{id}: RouteResponseSelectionExpression");
    }
}

#[test]
fn every_queue_has_dead_letters_and_time_for_six_tries_and_one_consumer() {
    let template = Template::read();
    let queues: BTreeMap<_, _> = template.of_type("AWS::SQS::Queue").collect();
    let sources: Vec<_> = template.of_type("AWS::Lambda::EventSourceMapping").collect();
    let mut problems = Problems::default();
    for name in QueueName::ALL.map(|name| format!("{}Queue", capitalised(name.as_str()))) {
        problems.check(queues.contains_key(name.as_str()), || format!("{name} is not in the template"));
    }
    for (id, queue) in &queues {
        problems.check(queue["SqsManagedSseEnabled"] == true, || format!("{id} is not encrypted"));
        if let Some(kind) = id.strip_suffix("DeadLetters") {
            problems.check(queue["MessageRetentionPeriod"] == 1_209_600, || {
                format!("{id} does not keep for 14 days")
            });
            let source = queues.contains_key(format!("{kind}Queue").as_str()) || kind == "Schedule";
            problems.check(source, || format!("{id} is the dead-letter queue of nothing"));
            continue;
        }
        let redrive = &queue["RedrivePolicy"];
        let letters = reference(&redrive["deadLetterTargetArn"]);
        let wanted = id.replace("Queue", "DeadLetters");
        problems.check(letters.as_deref() == Some(&*wanted), || {
            format!("{id}: its dead letters do not go to {wanted}")
        });
        problems.check(redrive["maxReceiveCount"] == 5, || {
            format!("{id}: maxReceiveCount is not the 5 of the code")
        });

        let consumers: Vec<_> = sources
            .iter()
            .filter(|(_, it)| reference(&it["EventSourceArn"]).as_deref() == Some(id))
            .collect();
        let &[(source, mapping)] = &consumers[..] else {
            problems.0.push(format!("{id} has {} consumers, not one", consumers.len()));
            continue;
        };
        let function = reference(&mapping["FunctionName"]).and_then(|id| template.binary(&id));
        let wanted = format!("queue-{}", id.trim_end_matches("Queue").to_lowercase());
        problems.check(function.as_deref() == Some(&*wanted), || {
            format!("{source}: {id} is not consumed by {wanted}")
        });
        problems.check(mapping["FunctionResponseTypes"] == json!(["ReportBatchItemFailures"]), || {
            format!("{source}: one bad record would fail its whole batch")
        });
        let concurrency = mapping["ScalingConfig"]["MaximumConcurrency"].as_u64();
        problems
            .check(concurrency.is_some_and(|n| n >= 2), || format!("{source}: MaximumConcurrency below 2"));
        let batch = mapping["BatchSize"].as_u64();
        problems.check(batch.is_some_and(|n| (1..=10).contains(&n)), || {
            format!("{source}: BatchSize is not 1 to 10")
        });
        let window = mapping["MaximumBatchingWindowInSeconds"].as_u64().unwrap_or(0);
        let timeout = template.timeout(&wanted);
        let visible = queue["VisibilityTimeout"].as_u64().unwrap_or(30);
        problems.check(visible >= 6 * timeout + window, || {
            format!(
                "{id}: VisibilityTimeout {visible} s is below 6 × {timeout} s of {wanted} + {window} s window"
            )
        });
    }
    problems.none();
}

#[test]
fn every_function_may_do_what_it_needs_and_no_more() {
    let template = Template::read();
    for (function, rights) in RIGHTS {
        let wanted = rights.iter().map(|it| (*it).to_owned()).collect();
        let what = format!("right of {function}:");
        same(&what, "the table of this test", &wanted, "template.yaml", &template.rights(function));
    }
}

#[test]
fn every_function_starts_with_its_variables_and_on_no_fallback() {
    let template = Template::read();
    let mut problems = Problems::default();
    for function in template.functions.keys() {
        let variables = template.variables(function);
        let config = match app::Config::read(&|name| Some(template.sample(variables.get(name)?))) {
            Ok(config) => config,
            Err(error) => {
                problems.0.push(format!("{function} does not start: {error}"));
                continue;
            }
        };
        for lost in config.fallbacks() {
            problems.0.push(format!("{function}: {lost}"));
        }
        // To the database: who may, does, and as whom.
        let user = variables.get("DATABASE_USER").and_then(Json::as_str);
        let rights = template.rights(function);
        let connects = |user: &str| rights.contains(&format!("rds-db:connect {user}"));
        problems
            .check(user.is_none_or(connects), || format!("{function} may not log in as its DATABASE_USER"));
        problems.check(config.database.is_some() == template.is_in_vpc(function), || {
            format!("{function}: the database is inside the VPC and its address is for functions there")
        });
        let restricted = function.starts_with("api-") && !BEFORE_ANYBODY.contains(&function.as_str());
        problems.check(restricted == (user == Some("gogotime_api")), || {
            format!(
                "{function}: HTTP functions log in as gogotime_api, all of them but {BEFORE_ANYBODY:?}, and no other"
            )
        });
        // To sockets.
        let posts = rights.iter().any(|right| right.starts_with("execute-api:"));
        problems.check(posts != template.is_in_vpc(function), || {
            format!("{function}: @connections is posted to from outside the VPC, all else is done inside")
        });
        problems.check(!(posts && config.dual_stack), || {
            format!("{function}: the SDK refuses AWS_USE_DUALSTACK_ENDPOINT with LIVE_ENDPOINT")
        });
    }
    problems.none();
}

#[test]
fn no_http_function_but_those_that_know_nobody_yet_crosses_companies() {
    // As gogotime_api a function may not become gogotime_system: `Db::system` would fail, deployed only.
    let mut problems = Problems::default();
    for file in sources(&root().join("functions/api")) {
        let crosses = std::fs::read_to_string(&file).unwrap().contains(".system()");
        let name = file.strip_prefix(root()).unwrap().display().to_string();
        problems.check(!crosses || name.starts_with("functions/api/auth/"), || {
            format!("{name} asks for a transaction across companies, which gogotime_api may not have")
        });
    }
    problems.none();
}

#[test]
fn every_variable_is_documented_and_read() {
    let template = Template::read();
    let config = text("shared/app/src/config.rs");
    let documented = documented_variables();
    let mut deployed: BTreeSet<String> = BTreeSet::new();
    for function in template.functions.keys() {
        deployed.extend(template.variables(function).into_keys());
    }
    let mut problems = Problems::default();
    for name in &deployed {
        if name.starts_with("AWS_") {
            continue; // the SDK's own
        }
        problems.check(documented.contains(name), || {
            format!("{name} is in template.yaml and not in .env.example")
        });
        problems.check(config.contains(&format!("\"{name}\"")), || {
            format!("{name} is in template.yaml and config.rs does not read it")
        });
    }
    for name in documented.iter().filter(|name| !NOT_DEPLOYED.contains(&name.as_str())) {
        problems.check(deployed.contains(name), || {
            format!("{name} is in .env.example and neither in template.yaml nor in NOT_DEPLOYED")
        });
    }
    problems.none();
}

#[test]
fn no_right_is_a_wildcard() {
    let template = Template::read();
    let mut problems = Problems::default();
    for (owner, statement) in template.statements() {
        for action in strings(&statement["Action"]) {
            problems.check(!action.contains('*') || WILDCARDS.contains(&action), || {
                format!("{owner} may {action}")
            });
        }
        for resource in list(&statement["Resource"]) {
            problems.check(target(resource).is_some(), || {
                format!("{owner}: {resource} names nothing of this template")
            });
        }
    }
    problems.none();
}

#[test]
fn schedules_are_rates_that_event_bridge_takes() {
    let template = Template::read();
    let mut problems = Problems::default();
    let mut found = BTreeSet::new();
    for (function, event) in template.events("ScheduleV2") {
        let expression = event["ScheduleExpression"].as_str().unwrap_or_default();
        found.insert(format!("{function}: {expression}"));
        problems.check(rate_minutes(expression).is_some(), || {
            format!("{function}: `{expression}` is no rate of EventBridge")
        });
        problems.check(event["OmitName"] == true, || {
            format!("{function}: two stages in one account would collide (OmitName)")
        });
        let letters = reference(&event["DeadLetterConfig"]["Arn"]);
        problems.check(letters.as_deref() == Some("ScheduleDeadLetters"), || {
            format!("{function}: a lost start would go unseen")
        });
        let period = rate_minutes(expression).unwrap_or(0) * 60;
        problems.check(template.timeout(&function) < period, || {
            format!("{function} may still run when it is due again")
        });
    }
    problems.none();
    let wanted = SCHEDULES.iter().map(|(function, rate)| format!("{function}: {rate}")).collect();
    same("schedule", "the table of this test", &wanted, "template.yaml", &found);
}

#[test]
fn a_rate_of_event_bridge_is_singular_for_one_and_plural_for_more() {
    assert_eq!(rate_minutes("rate(1 minute)"), Some(1));
    assert_eq!(rate_minutes("rate(2 hours)"), Some(120));
    for wrong in
        ["rate(1 minutes)", "rate(5 minute)", "rate(0 minutes)", "every 5 minutes", "cron(0 * * * *)"]
    {
        assert_eq!(rate_minutes(wrong), None, "{wrong}");
    }
}

#[test]
fn alarms_watch_metrics_of_the_catalogue() {
    let template = Template::read();
    let catalogue = text("shared/telemetry/src/catalogue.rs");
    for (id, alarm) in template.of_type("AWS::CloudWatch::Alarm") {
        for query in list(&alarm["Metrics"]).iter().filter_map(|metric| metric["Expression"].as_str()) {
            if !query.contains("SCHEMA(\"GoGoTime\"") {
                continue;
            }
            let name = query.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(name, _)| name);
            let name = name.unwrap_or_else(|| panic!("{id}: {query}"));
            assert!(catalogue.contains(&format!("= \"{name}\",")), "{id} watches {name}, which nobody emits");
        }
    }
}

/// The template, its short forms (`!Ref`) made long (`{"Ref": …}`).
pub(crate) struct Template {
    document: Json,
    /// Binary to logical id.
    functions: BTreeMap<String, String>,
}

impl Template {
    fn read() -> Self {
        let yaml: Yaml = serde_yaml_ng::from_str(&text("template.yaml")).unwrap();
        let document = long_form(&yaml);
        let mut functions = BTreeMap::new();
        for (id, resource) in document["Resources"].as_object().unwrap() {
            if resource["Type"] == "AWS::Serverless::Function" {
                let code = resource["Properties"]["CodeUri"].as_str().unwrap();
                let binary = code.strip_prefix("target/lambda/").and_then(|rest| rest.strip_suffix('/'));
                let binary =
                    binary.unwrap_or_else(|| panic!("{id}: CodeUri {code} is not target/lambda/<binary>/"));
                assert!(
                    functions.insert(binary.to_owned(), id.clone()).is_none(),
                    "{binary} is deployed twice"
                );
            }
        }
        Self { document, functions }
    }

    fn properties(&self, id: &str) -> &Json {
        &self.document["Resources"][id]["Properties"]
    }

    fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Json)> {
        let resources = self.document["Resources"].as_object().unwrap();
        resources
            .iter()
            .filter(move |(_, it)| it["Type"] == kind)
            .map(|(id, it)| (id.as_str(), &it["Properties"]))
    }

    fn function(&self, binary: &str) -> &Json {
        let id =
            self.functions.get(binary).unwrap_or_else(|| panic!("no function {binary} in template.yaml"));
        self.properties(id)
    }

    fn binary(&self, id: &str) -> Option<String> {
        self.functions.iter().find(|(_, it)| *it == id).map(|(binary, _)| binary.clone())
    }

    fn globals(&self) -> &Json {
        &self.document["Globals"]["Function"]
    }

    /// Seconds.
    fn timeout(&self, binary: &str) -> u64 {
        let own = self.functions.get(binary).and_then(|id| self.properties(id)["Timeout"].as_u64());
        own.or(self.globals()["Timeout"].as_u64()).unwrap_or(3)
    }

    /// The events of a type with the binary that hears them.
    fn events(&self, kind: &str) -> Vec<(String, &Json)> {
        let all = self.functions.iter().flat_map(|(binary, id)| {
            let events = self.properties(id)["Events"].as_object().into_iter().flatten();
            events.map(move |(_, event)| (binary.clone(), event))
        });
        all.filter(|(_, event)| event["Type"] == kind)
            .map(|(binary, event)| (binary, &event["Properties"]))
            .collect()
    }

    fn routes(&self) -> Vec<String> {
        let route = |(binary, event): (String, &Json)| {
            assert_eq!(reference(&event["ApiId"]).as_deref(), Some("HttpApi"), "{binary}: ApiId");
            format!("{} {} → {binary}", event["Method"].as_str().unwrap(), event["Path"].as_str().unwrap())
        };
        self.events("HttpApi").into_iter().map(route).collect()
    }

    /// A value such as a deployment might put there.
    fn sample(&self, value: &Json) -> String {
        if let Some(text) = value.as_str() {
            return text.to_owned();
        }
        if let Some(name) = value["Ref"].as_str() {
            let parameter = &self.document["Parameters"][name];
            let default = parameter["Default"].as_str().unwrap_or("https://example.com");
            return default.to_owned();
        }
        let Some(pattern) = value["Fn::Sub"].as_str() else { return "example.com".into() };
        if pattern.contains("{{resolve:") {
            return "k".repeat(64);
        }
        let mut parts = pattern.split("${");
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').unwrap();
            text += if name.ends_with(".Port") { "6379" } else { "example.com" };
            text += rest;
        }
        text
    }

    /// All variables of a function: the global ones, and its own over them.
    fn variables(&self, binary: &str) -> BTreeMap<String, Json> {
        let mut variables = BTreeMap::new();
        for properties in [self.globals(), self.function(binary)] {
            for (name, value) in properties["Environment"]["Variables"].as_object().into_iter().flatten() {
                variables.insert(name.clone(), value.clone());
            }
        }
        variables.retain(|_, value| *value != json!({ "Ref": "AWS::NoValue" }));
        variables
    }

    fn is_in_vpc(&self, binary: &str) -> bool {
        let own = &self.function(binary)["VpcConfig"];
        if own.is_null() {
            self.globals()["VpcConfig"].is_object()
        } else {
            *own != json!({ "Ref": "AWS::NoValue" })
        }
    }

    /// `action target` for everything a function's policies allow.
    fn rights(&self, binary: &str) -> BTreeSet<String> {
        let mut rights = BTreeSet::new();
        for policy in list(&self.function(binary)["Policies"]) {
            let document = match reference(policy) {
                Some(id) => &self.properties(&id)["PolicyDocument"],
                None => policy,
            };
            for statement in list(&document["Statement"]) {
                assert_eq!(statement["Effect"], "Allow", "{binary}");
                for action in strings(&statement["Action"]) {
                    for resource in list(&statement["Resource"]) {
                        let target =
                            target(resource).unwrap_or_else(|| panic!("{binary}: {action} on {resource}"));
                        rights.insert(format!("{action} {target}"));
                    }
                }
            }
        }
        rights
    }

    /// Every `Allow` of the template with the logical id it stands in.
    fn statements(&self) -> Vec<(&str, &Json)> {
        let resources = self.document["Resources"].as_object().unwrap();
        let mut found = Vec::new();
        for (id, resource) in resources {
            collect_statements(resource, &mut |statement| found.push((id.as_str(), statement)));
        }
        found.retain(|(_, statement)| statement["Effect"] == "Allow");
        assert!(found.len() >= 20, "the search for statements is broken: {}", found.len());
        found
    }
}

fn collect_statements<'a>(value: &'a Json, found: &mut impl FnMut(&'a Json)) {
    match value {
        Json::Object(entries) if entries.contains_key("Effect") && entries.contains_key("Action") => {
            found(value);
        }
        Json::Object(entries) => entries.values().for_each(|value| collect_statements(value, found)),
        Json::Array(items) => items.iter().for_each(|value| collect_statements(value, found)),
        _ => {}
    }
}

/// YAML with `CloudFormation`'s tags as JSON with its long forms.
fn long_form(yaml: &Yaml) -> Json {
    match yaml {
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let tag = tag.trim_start_matches('!');
            let name = if matches!(tag, "Ref" | "Condition") { tag.to_owned() } else { format!("Fn::{tag}") };
            json!({ name: long_form(&tagged.value) })
        }
        Yaml::Sequence(items) => items.iter().map(long_form).collect(),
        Yaml::Mapping(entries) => {
            entries.iter().map(|(key, value)| (key.as_str().unwrap().to_owned(), long_form(value))).collect()
        }
        Yaml::String(text) => json!(text),
        Yaml::Bool(bool) => json!(bool),
        Yaml::Number(number) => serde_json::to_value(number).unwrap(),
        Yaml::Null => Json::Null,
    }
}

/// The logical id that `!Ref X` or `!GetAtt X.Arn` names.
fn reference(value: &Json) -> Option<String> {
    let name = value["Ref"].as_str().or_else(|| value["Fn::GetAtt"].as_str())?;
    Some(name.split('.').next().unwrap_or(name).to_owned())
}

/// What an ARN in a policy is about: a logical id or parameter of the template, or a database user.
fn target(resource: &Json) -> Option<String> {
    if let Some(id) = reference(resource) {
        return Some(id);
    }
    let arn = resource["Fn::Sub"].as_str()?;
    if arn.contains(":dbuser:") {
        return arn.rsplit('/').next().filter(|user| !user.contains('*')).map(str::to_owned);
    }
    let names = arn.split("${").skip(1).filter_map(|rest| rest.split(['}', '.']).next());
    names.filter(|name| !name.starts_with("AWS::")).map(str::to_owned).next()
}

/// Minutes of `rate(N unit)`, as strict as `EventBridge`: no zero, and the unit agrees with the number.
fn rate_minutes(expression: &str) -> Option<u64> {
    let (number, unit) = expression.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
    let number = number.parse::<u64>().ok().filter(|n| *n > 0)?;
    let unit = if number == 1 { unit.to_owned() } else { unit.strip_suffix('s')?.to_owned() };
    let minutes = match unit.as_str() {
        "minute" => 1,
        "hour" => 60,
        "day" => 24 * 60,
        _ => return None,
    };
    Some(number * minutes)
}

/// Names at the beginning of a line of `.env.example`, set or commented out.
fn documented_variables() -> BTreeSet<String> {
    let names = text(".env.example");
    let names = names
        .lines()
        .filter_map(|line| line.trim_start_matches(['#', ' ']).split_once('='))
        .map(|(name, _)| name);
    names
        .filter(|name| name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_'))
        .map(str::to_owned)
        .collect()
}

/// Binaries of the packages under `functions/`.
fn binaries() -> BTreeSet<String> {
    let tree = root().join("functions");
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let deployed =
        packages.filter(|package| Path::new(package["manifest_path"].as_str().unwrap()).starts_with(&tree));
    let targets = deployed.flat_map(|package| package["targets"].as_array().unwrap());
    let bins = targets.filter(|target| strings(&target["kind"]).contains(&"bin"));
    bins.map(|target| target["name"].as_str().unwrap().to_owned()).collect()
}

/// Every Rust file below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
    found
}

/// The workspace as cargo sees it.
fn metadata() -> Json {
    let mut cargo = std::process::Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version=1", "--no-deps", "--offline"]).current_dir(root());
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn line(method: &str, path: &str, function: &str) -> String {
    format!("{method} {BASE_PATH}{path} → {function}")
}

fn list(value: &Json) -> &[Json] {
    match value {
        Json::Array(items) => items,
        Json::Null => &[],
        one => std::slice::from_ref(one),
    }
}

fn strings(value: &Json) -> Vec<&str> {
    list(value).iter().filter_map(Json::as_str).collect()
}

fn capitalised(word: &str) -> String {
    word[..1].to_uppercase() + &word[1..]
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub(crate) fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Fails naming what only one of two sets has.
fn same(what: &str, left: &str, in_left: &BTreeSet<String>, right: &str, in_right: &BTreeSet<String>) {
    let mut problems = Problems::default();
    problems
        .0
        .extend(in_left.difference(in_right).map(|it| format!("{what} {it}: in {left}, not in {right}")));
    problems
        .0
        .extend(in_right.difference(in_left).map(|it| format!("{what} {it}: in {right}, not in {left}")));
    problems.none();
}

/// Everything that is wrong, told at once.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn check(&mut self, right: bool, problem: impl FnOnce() -> String) {
        if !right {
            self.0.push(problem());
        }
    }

    #[track_caller]
    fn none(self) {
        assert!(self.0.is_empty(), "\n  {}", self.0.join("\n  "));
    }
}
