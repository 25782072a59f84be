//! `GET /openapi.json` and `GET /docs`: what the API says of itself is what it does.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tlsrpt_query::routes;

use crate::harness::{ADMIN, Answer, Api};

/// Operations that make what others need, in this order.
const FIRST: [&str; 5] = ["createTenant", "claimDomain", "importSubmission", "createKey", "createOperatorKey"];
/// Operations that take it away again.
const LAST: [&str; 8] = [
    "deleteBackup",
    "deleteNotificationSettings",
    "moveDomain",
    "releaseDomain",
    "deleteKey",
    "deleteOperatorKey",
    "deleteTenant",
    "getErasure",
];

struct Operation {
    method: Method,
    path: String,
    spec: Value,
}

impl Operation {
    fn id(&self) -> &str {
        self.spec["operationId"].as_str().unwrap()
    }
    fn parameters(&self, place: &str) -> impl Iterator<Item = &Value> {
        let all = self.spec["parameters"].as_array().map_or(&[] as &[Value], Vec::as_slice);
        all.iter().filter(move |parameter| parameter["in"] == place)
    }
    /// The example of a query parameter as it is sent.
    fn query(parameter: &Value) -> Option<String> {
        let name = parameter["name"].as_str().unwrap();
        let pair = |value: &Value| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            form_urlencoded::Serializer::new(String::new()).append_pair(name, &text).finish()
        };
        match parameter.get("example")? {
            Value::Array(values) if parameter["explode"] == false => {
                Some(pair(&values.iter().map(|value| value.as_str().unwrap()).collect::<Vec<_>>().join(",").into()))
            }
            Value::Array(values) => Some(values.iter().map(pair).collect::<Vec<_>>().join("&")),
            value => Some(pair(value)),
        }
    }
}

async fn description(api: &Api) -> Value {
    let answer = api.call(Method::GET, "/openapi.json", None, None).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/json"));
    answer.json()
}

fn operations(description: &Value) -> Vec<Operation> {
    let paths = description["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |(method, spec)| (path, method, spec)));
    all.map(|(path, method, spec)| Operation { method: method.to_uppercase().parse().unwrap(), path: path.clone(), spec: spec.clone() })
        .collect()
}

/// Checks that the answer is one that the operation describes, of its media type and schema.
#[track_caller]
fn is_described(description: &Value, operation: &Operation, answer: &Answer) {
    let what = format!("{} {}: {} {}", operation.method, operation.path, answer.status, answer.text());
    let response = &operation.spec["responses"][answer.status.as_str()];
    assert!(response.is_object(), "an answer that is not described: {what}");
    let media_type = answer.header("content-type").split(';').next().unwrap();
    let Some(contents) = response["content"].as_object() else {
        assert!(answer.body.is_empty(), "a body that is not described: {what}");
        return;
    };
    let content = contents.get(media_type).unwrap_or_else(|| panic!("a media type that is not described, {media_type}: {what}"));
    if ["application/json", "application/problem+json"].contains(&media_type) {
        let mut schema = content["schema"].clone();
        schema["components"] = description["components"].clone();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let errors: Vec<_> = validator.iter_errors(&answer.json()).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:?}: {what}");
    }
}

#[tokio::test]
async fn every_route_is_described_once_and_nothing_else_is() {
    let api = Api::start_without_pipeline(Default::default()).await;
    let description = description(&api).await;
    assert_eq!(description["openapi"], "3.1.0");
    let described: BTreeSet<_> = operations(&description).iter().map(|one| (one.path.clone(), one.method.to_string())).collect();
    let routed: BTreeSet<_> = routes().map(|route| (route.path.to_owned(), route.method.to_string())).collect();
    assert_eq!(described, routed);
    let ids: BTreeSet<_> = operations(&description).iter().map(|one| one.id().to_owned()).collect();
    assert_eq!(ids.len(), routed.len(), "two operations have one name");
    // Whatever a schema refers to is there.
    let text = description.to_string();
    let referred = text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect::<BTreeSet<_>>();
    assert!(referred.len() > 30);
    for name in referred {
        assert!(description["components"]["schemas"][name].is_object(), "{name} is referred to and not there");
    }
}

#[tokio::test]
async fn every_example_of_the_description_works_and_is_answered_as_described() {
    let api = Api::start().await;
    let description = description(&api).await;
    let mut all = operations(&description);
    let rank = |id: &str| match (FIRST.iter().position(|name| *name == id), LAST.iter().position(|name| *name == id)) {
        (Some(at), _) => at,
        (None, Some(at)) => 100 + at,
        (None, None) => 50,
    };
    all.sort_by_key(|operation| rank(operation.id()));
    let other = api.tenant("other", &[]).await;
    assert!(other.starts_with("tlsrpt_"));

    let (mut tenant_key, mut submission, mut key_id, mut operator_key_id) = (String::new(), String::new(), String::new(), String::new());
    let (mut report_key, mut backup) = (String::new(), String::new());
    for operation in &all {
        // The report that was imported has come to be there.
        if rank(operation.id()) == 50 && report_key.is_empty() {
            let key = api.post("/admin/v1/tenants/acme/keys", json!({"name": "of the test"})).await.json();
            key["key"].as_str().unwrap().clone_into(&mut tenant_key);
            let reports = api.until_as(&tenant_key, "/v1/reports?from=2026-05-01&to=2026-05-31", |list| list["reports"] != json!([])).await;
            reports["reports"][0]["report_key"].as_str().unwrap().clone_into(&mut report_key);
        }
        let tenant = if operation.id() == "releaseDomain" { "other" } else { "acme" };
        let id = if operation.path.starts_with("/admin/v1/submissions/") { &submission } else { tenant };
        let key = if operation.path.starts_with("/admin/v1/keys/") { &operator_key_id } else { &key_id };
        let path = operation.path.replace("{id}", id).replace("{domain}", "acme.example").replace("{key_id}", key);
        let path = path.replace("{report_key}", &report_key).replace("{name}", &backup);
        assert!(!path.contains("{") && !path.contains("//"), "{path}");
        let bearer = if operation.path.starts_with("/admin/") { ADMIN } else { &tenant_key };

        // All examples at once, and, where that changes nothing, each by itself.
        let examples: Vec<String> = operation.parameters("query").filter_map(Operation::query).collect();
        let mut queries = vec![examples.join("&")];
        if operation.method == Method::GET {
            queries.extend(examples.iter().filter(|one| !one.starts_with("to=") && !one.starts_with("from=")).cloned());
        }
        for query in queries {
            let path = format!("{path}?{query}");
            let contents = operation.spec["requestBody"]["content"].as_object();
            let shown = |(_, content): &(_, &Value)| content["schema"]["$ref"].is_string() || content["schema"]["examples"].is_array();
            let body = contents.map(|contents| contents.iter().find(shown).expect("one of the media types has an example"));
            let answer = match body {
                None => api.call(operation.method.clone(), &path, Some(bearer), None).await,
                Some((media_type, content)) if media_type == "application/json" => {
                    let schema = content["schema"]["$ref"].as_str().unwrap().trim_start_matches('#');
                    let example = &description.pointer(schema).unwrap()["example"];
                    assert!(example.is_object(), "{} has no example of its body", operation.id());
                    let properties = description.pointer(schema).unwrap()["properties"].as_object().unwrap();
                    assert_eq!(
                        properties.keys().collect::<BTreeSet<_>>(),
                        example.as_object().unwrap().keys().collect::<BTreeSet<_>>(),
                        "the example of {} shows every field",
                        operation.id()
                    );
                    api.call(operation.method.clone(), &path, Some(bearer), Some(example)).await
                }
                Some((_, content)) => api.post_bytes(&path, content["schema"]["examples"][0].as_str().unwrap()).await,
            };
            assert!(answer.status.is_success(), "{} {path}: {} {}", operation.method, answer.status, answer.text());
            is_described(&description, operation, &answer);
            match operation.id() {
                "importSubmission" => answer.json()["submission_id"].as_str().unwrap().clone_into(&mut submission),
                "startBackup" => {
                    answer.json()["name"].as_str().unwrap().clone_into(&mut backup);
                    api.until_as(ADMIN, &format!("/admin/v1/backups/{backup}"), |backup| backup["state"] == "complete").await;
                }
                "createKey" => answer.json()["id"].as_str().unwrap().clone_into(&mut key_id),
                "createOperatorKey" => answer.json()["id"].as_str().unwrap().clone_into(&mut operator_key_id),
                _ => {}
            }
        }
        let unknown = api.call(operation.method.clone(), &format!("{path}?no_such_parameter=1"), Some(bearer), None).await;
        is_described(&description, operation, &unknown);
        let missing = api.call(operation.method.clone(), &path, None, None).await;
        is_described(&description, operation, &missing);
    }
}

#[tokio::test]
async fn the_page_of_the_description_has_all_its_files_here_and_runs_nothing_from_elsewhere() {
    let api = Api::start_without_pipeline(Default::default()).await;
    let get = async |path: &str| api.call(Method::GET, path, None, None).await;
    let page = get("/docs").await;
    assert_eq!((page.status, page.header("content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';") && !policy.contains("http"), "{policy}");
    let text = page.text();
    let named = text.split(['"']).skip(1).step_by(2).filter(|value| value.contains('.'));
    let mut scripts = 0;
    for file in named {
        assert!(file.starts_with("docs/"), "{file} is not one of ours");
        let answer = get(&format!("/{file}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{file}");
        assert!(!answer.body.is_empty());
        scripts += usize::from(answer.header("content-type").starts_with("text/javascript"));
    }
    assert_eq!(scripts, 3, "{text}");
    let initializer = get("/docs/swagger-initializer.js").await.text();
    assert!(initializer.contains("openapi.json") && !initializer.contains("https://"), "{initializer}");
    for path in ["/docs/", "/docs/no-such-file.js", "/docs/index.html", "/docs/%2e%2e", "/openapi.yaml"] {
        get(path).await.is_problem(404, "not-found");
    }
}
