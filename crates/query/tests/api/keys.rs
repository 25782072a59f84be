//! Keys with scopes and ends, operators' own keys, settings, and when keys were last used.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tlsrpt_query::QueryConfig;
use tlsrpt_report::UnixMillis;
use tlsrpt_store::{Store, StoreConfig};

use crate::harness::{ADMIN, Api};

const KEYS: &str = "/admin/v1/tenants/a/keys";

fn in_ms(ms: i64) -> String {
    UnixMillis(tlsrpt_record::SubmissionId::now().received_at().0 + ms).rfc3339()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn a_key_has_the_scopes_it_was_made_with_and_all_of_them_when_nothing_was_said() {
    let api = Api::start_without_pipeline(Default::default()).await;
    let key = api.tenant("a", &["a.example"]).await;
    let made = api.post(KEYS, json!({"name": "grafana", "scopes": ["metrics"]})).await.json();
    assert_eq!((&made["scopes"], &made["expires_at"]), (&json!(["metrics"]), &Value::Null));
    let listed = api.admin(KEYS).await;
    assert_eq!(
        (&listed["keys"][0]["scopes"], &listed["keys"][1]["scopes"]),
        (&json!(["read", "export", "metrics", "notify"]), &json!(["metrics"]))
    );
    assert_eq!(api.get("/v1/summary", &key).await.status, StatusCode::OK);
    let problem = api.get("/v1/summary", text(&made["key"])).await.is_problem(403, "scope-missing");
    assert!(text(&problem["detail"]).contains("`read`") && text(&problem["detail"]).contains("metrics"), "{problem}");
}

#[tokio::test]
async fn an_expired_key_is_as_unknown_as_one_that_never_was_and_is_listed_as_expired() {
    let api = Api::start_without_pipeline(Default::default()).await;
    let key = api.tenant("a", &["a.example"]).await;
    let soon = api.post(KEYS, json!({"name": "soon", "expires_at": in_ms(4_000)})).await.json();
    let secret = text(&soon["key"]);
    assert_eq!(api.get("/v1/domains", secret).await.status, StatusCode::OK);
    tokio::time::sleep(Duration::from_millis(4_050)).await;
    let expired = api.get("/v1/domains", secret).await;
    expired.is_problem(401, "key-unknown");
    assert_eq!(expired.text(), api.get("/v1/domains", "never-was").await.text());
    let expired: Vec<Value> = api.admin(KEYS).await["keys"].as_array().unwrap().iter().map(|key| key["expired"].clone()).collect();
    assert_eq!(expired, [json!(false), json!(true)]);
    assert_eq!(api.get("/v1/domains", &key).await.status, StatusCode::OK);
    api.post(&format!("{KEYS}/{}/rotate", text(&soon["id"])), json!({})).await.is_problem(409, "key-ended");
}

#[tokio::test]
async fn a_key_is_rotated_without_a_moment_in_which_none_works() {
    let api = Api::start_without_pipeline(Default::default()).await;
    api.tenant("a", &["a.example"]).await;
    let first = api.post(KEYS, json!({"name": "ci", "scopes": ["read", "export"]})).await.json();
    let rotate = |id: &Value| format!("{KEYS}/{}/rotate", text(id));
    let second = api.call(Method::POST, &rotate(&first["id"]), Some(ADMIN), None).await;
    assert_eq!((second.status, second.header("cache-control")), (StatusCode::CREATED, "no-store"));
    let second = second.json();
    assert_eq!((&second["name"], &second["scopes"], &second["follows"]["id"]), (&json!("ci"), &json!(["read", "export"]), &first["id"]));
    let week = Duration::from_secs(7 * 86_400).as_millis() as i64;
    let ends: UnixMillis = text(&second["follows"]["expires_at"]).parse().unwrap();
    assert!((ends.0 - week - tlsrpt_record::SubmissionId::now().received_at().0).abs() < 120_000, "a week when nothing is said");
    for key in [&first, &second] {
        assert_eq!(api.get("/v1/domains", text(&key["key"])).await.status, StatusCode::OK);
    }
    let again = api.post(&rotate(&first["id"]), json!({})).await.is_problem(409, "key-ended");
    assert!(text(&again["detail"]).contains(text(&second["id"])), "{again}");
    assert_eq!(api.post(&rotate(&second["id"]), json!({"overlap_seconds": 0})).await.status, StatusCode::CREATED);
    api.get("/v1/domains", text(&second["key"])).await.is_problem(401, "key-unknown");

    let refused = api.post(&rotate(&first["id"]), json!({"overlap_seconds": 2_592_001})).await.is_problem(400, "invalid-body");
    assert_eq!(refused["name"], "overlap_seconds");
    let refused = api.post(&rotate(&first["id"]), json!({"overlap": 1})).await.is_problem(400, "unknown-field");
    assert_eq!(refused["did_you_mean"], "overlap_seconds");
    api.post(&rotate(&json!("nosuchkey")), json!({})).await.is_problem(404, "not-found");
}

#[tokio::test]
async fn an_operators_own_key_works_until_it_is_deleted() {
    let api = Api::start_without_pipeline(Default::default()).await;
    let made = api.post("/admin/v1/keys", json!({"name": "deploy", "role": "admin", "expires_at": in_ms(60_000)})).await;
    assert_eq!((made.status, made.header("cache-control")), (StatusCode::CREATED, "no-store"));
    let made = made.json();
    let (id, key) = (text(&made["id"]), text(&made["key"]));
    let tenant = api.call(Method::POST, "/admin/v1/tenants", Some(key), Some(&json!({"id": "a", "name": "A"}))).await;
    assert_eq!(tenant.status, StatusCode::CREATED);
    let listed = api.get("/admin/v1/keys", ADMIN).await;
    assert!(!listed.text().contains(key), "a secret is shown once");
    let listed = &listed.json()["keys"][0];
    assert_eq!((&listed["id"], &listed["role"], &listed["expired"]), (&json!(id), &json!("admin"), &json!(false)));
    assert!(listed["last_used"].is_string(), "used a moment ago: {listed}");
    assert_eq!(api.delete(&format!("/admin/v1/keys/{id}")).await.status, StatusCode::NO_CONTENT);
    api.get("/admin/v1/keys", key).await.is_problem(401, "key-unknown");
    api.delete(&format!("/admin/v1/keys/{id}")).await.is_problem(404, "not-found");
}

#[tokio::test]
async fn what_is_not_understood_of_a_key_or_a_setting_is_answered_with_what_was_probably_meant() {
    let api = Api::start_without_pipeline(Default::default()).await;
    api.tenant("a", &[]).await;
    let check = async |method: Method, path: &str, body: Value, kind: &str, name: &str, meant: Option<&str>| {
        let problem = api.call(method, path, Some(ADMIN), Some(&body)).await.is_problem(400, kind);
        assert_eq!((problem["name"].as_str(), problem["did_you_mean"].as_str()), (Some(name), meant), "{body}: {problem}");
    };
    let (post, patch) = (Method::POST, Method::PATCH);
    let (operators, settings) = ("/admin/v1/keys", "/admin/v1/tenants/a/settings");
    check(post.clone(), KEYS, json!({"name": "k", "scopes": ["reed"]}), "invalid-body", "scopes", Some("read")).await;
    check(post.clone(), KEYS, json!({"name": "k", "scope": ["read"]}), "unknown-field", "scope", Some("scopes")).await;
    check(post.clone(), KEYS, json!({"name": "k", "scopes": []}), "invalid-body", "scopes", None).await;
    check(post.clone(), KEYS, json!({"name": "k", "scopes": "read"}), "invalid-body", "scopes", None).await;
    check(post.clone(), KEYS, json!({"name": "k", "expires_at": "2020-01-01T00:00:00Z"}), "invalid-body", "expires_at", None).await;
    check(post.clone(), KEYS, json!({"name": "k", "expires_at": "tomorrow"}), "invalid-body", "expires_at", None).await;
    check(post.clone(), KEYS, json!({"name": "k", "expires_at": 7}), "invalid-body", "expires_at", None).await;
    check(post.clone(), operators, json!({"name": "k", "role": "suport"}), "invalid-body", "role", Some("support")).await;
    check(post.clone(), operators, json!({"name": "k"}), "invalid-body", "role", None).await;
    check(post, operators, json!({"name": "k", "roles": "admin"}), "unknown-field", "roles", Some("role")).await;
    check(patch.clone(), settings, json!({"retention": 7}), "unknown-field", "retention", Some("retention_days")).await;
    for days in [json!(0), json!(3_651), json!(-1), json!(1.5), json!("7")] {
        check(patch.clone(), settings, json!({"retention_days": days}), "invalid-body", "retention_days", None).await;
    }
    check(patch.clone(), settings, json!({"minimum_trust": "aligned"}), "invalid-body", "minimum_trust", Some("dkim-aligned")).await;
    check(patch, "/admin/v1/tenants/a", json!({"nam": "B"}), "unknown-field", "nam", Some("name")).await;
    assert_eq!((&api.admin(operators).await["keys"], api.admin(KEYS).await["keys"].as_array().unwrap().len()), (&json!([]), 1));
}

#[tokio::test]
async fn settings_and_the_name_of_a_tenant_change_one_by_one_and_null_unsets() {
    let api = Api::start_without_pipeline(Default::default()).await;
    api.tenant("a", &[]).await;
    let path = "/admin/v1/tenants/a/settings";
    let patch = async |path: &str, body: Value| api.call(Method::PATCH, path, Some(ADMIN), Some(&body)).await;
    let with = |settings: Value| {
        let mut all = json!({"retention_days": null, "minimum_trust": null, "baseline_days": null, "testing_days": null,
            "quiet_days": null, "gap_max_days": null, "sessions_min": null});
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        all
    };
    assert_eq!(api.admin(path).await, with(json!({})));
    patch(path, json!({"retention_days": 90})).await;
    let both = with(json!({"retention_days": 90, "minimum_trust": "none"}));
    assert_eq!(patch(path, json!({"minimum_trust": "none"})).await.json(), both);
    assert_eq!(patch(path, json!({})).await.json(), both);
    assert_eq!(patch(path, json!({"retention_days": 90.0})).await.json(), both);
    assert_eq!(api.admin(path).await, both);
    patch(path, json!({"retention_days": null})).await;
    assert_eq!(api.admin(path).await, with(json!({"minimum_trust": "none"})));
    patch("/admin/v1/tenants/nobody/settings", json!({})).await.is_problem(404, "not-found");

    let renamed = patch("/admin/v1/tenants/a", json!({"name": " Acme "})).await;
    assert_eq!((renamed.status, &renamed.json()["name"]), (StatusCode::OK, &json!("Acme")));
    assert_eq!(api.admin("/admin/v1/tenants/a").await["name"], "Acme");
    assert_eq!(api.admin(path).await["minimum_trust"], "none", "its settings stay");
    assert_eq!(patch("/admin/v1/tenants/a", json!({"name": ""})).await.is_problem(400, "invalid-body")["name"], "name");
}

#[tokio::test]
async fn the_last_use_of_a_key_is_shown_and_comes_to_the_database_by_itself() {
    let config = QueryConfig { key_use_interval_ms: 50, ..QueryConfig::default() };
    let api = Api::start_without_pipeline(config).await;
    let key = api.tenant("a", &[]).await;
    let id = text(&api.admin(KEYS).await["keys"][0]["id"]).to_owned();
    assert_eq!(api.admin(KEYS).await["keys"][0]["last_used"], Value::Null, "never");
    api.get("/v1/domains", &key).await;
    let used = api.admin(KEYS).await["keys"][0]["last_used"].clone();
    let at: UnixMillis = text(&used).parse().unwrap();
    assert!((tlsrpt_record::SubmissionId::now().received_at().0 - at.0).abs() < 60_000, "{used}");
    for _ in 0..500 {
        if let Some(noted) = api.store.key_uses(vec![id.clone()]).await.unwrap().get(&id) {
            assert_eq!(noted.rfc3339(), text(&used));
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the use never came to the database");
}

#[tokio::test]
async fn a_database_that_is_away_costs_the_last_use_and_nothing_else() {
    let away = Store::new(&StoreConfig {
        url: "http://127.0.0.1:9".to_owned(),
        user: "x".to_owned(),
        password: "x".to_owned(),
        database: "x".to_owned(),
        cluster: None,
    });
    let api = Api::start_on(away, QueryConfig { key_use_interval_ms: 20, ..QueryConfig::default() }).await;
    let key = api.tenant("a", &[]).await;
    for _ in 0..20 {
        api.get("/v1/domains", &key).await.is_problem(503, "store-unavailable");
    }
    let listed = api.admin(KEYS).await;
    assert_eq!((&listed["keys"][0]["name"], listed["keys"][0].get("last_used")), (&json!("test"), None), "unknown, not never");
}
