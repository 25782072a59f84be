//! Readiness: who may ask of what, in which order domains come, by whose numbers, and what is shown beside the verdict.

use serde_json::{Value, json};
use tlsrpt_report::{Day, Trust};

use crate::harness::{Api, report};

/// 2026-05-01.
const FIRST: Day = Day(20_574);

/// Reports of mode `testing` on so many days from the first on, each with 10 sessions, one of which failed on the days named.
async fn testing(api: &Api, domain: &str, days: i32, failed_on: &[i32], trust: Trust) {
    for number in 0..days {
        let day = FIRST.plus(number).to_string();
        let failed = u64::from(failed_on.contains(&number));
        api.submit_with_trust(trust, report("Alpha", &format!("{domain}-{number}"), &day, &[("sts", domain, 10 - failed, failed)])).await;
    }
    api.settled().await;
}

async fn of(api: &Api, key: &str, domain: &str, number: i32) -> Value {
    let answer = api.get(&format!("/v1/domains/{domain}/readiness?as_of={}", FIRST.plus(number)), key).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn a_tenant_sees_the_readiness_of_its_own_domains_and_of_what_lies_below_them() {
    let api = Api::start().await;
    let (a, b) = (api.tenant("a", &["a.example"]).await, api.tenant("b", &["b.example", "sub.a.example"]).await);
    testing(&api, "mail.a.example", 15, &[], Trust::None).await;
    assert_eq!(of(&api, &a, "mail.a.example", 14).await["state"], "ready-for-enforce");
    assert_eq!(of(&api, &a, "a.example", 14).await["state"], "no-reports");
    for foreign in ["b.example", "sub.a.example", "x.sub.a.example", "nobody.example", "example", "a..example", "-"] {
        api.get(&format!("/v1/domains/{foreign}/readiness"), &a).await.is_problem(404, "not-found");
    }
    let list = async |key: &str| -> Vec<Value> {
        let answer = api.get(&format!("/v1/readiness?as_of={}", FIRST.plus(14)), key).await.json();
        answer["domains"].as_array().unwrap().iter().map(|one| json!([one["domain"], one["state"], one["sessions"]])).collect()
    };
    assert_eq!(list(&a).await, [json!(["a.example", "no-reports", 0]), json!(["mail.a.example", "ready-for-enforce", 150])]);
    assert_eq!(list(&b).await, [json!(["b.example", "no-reports", 0]), json!(["sub.a.example", "no-reports", 0])]);
    api.get("/v1/readiness?as_of=yesterday", &a).await.is_problem(400, "invalid-parameter");
}

#[tokio::test]
async fn a_domain_is_judged_by_the_tenants_numbers_where_it_has_some() {
    let api = Api::start().await;
    let key = api.tenant("a", &["a.example"]).await;
    testing(&api, "a.example", 15, &[3], Trust::None).await;
    let set = async |settings: Value| {
        let answer = api.call(reqwest::Method::PATCH, "/admin/v1/tenants/a/settings", Some(crate::harness::ADMIN), Some(&settings)).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
        answer.json()
    };
    let told = async || {
        let found = of(&api, &key, "a.example", 14).await;
        let missing: Vec<Value> = found["next"]["missing"].as_array().unwrap().iter().map(|one| one["code"].clone()).collect();
        (found["state"].as_str().unwrap().to_owned(), Value::from(missing))
    };
    assert_eq!(told().await, ("testing".to_owned(), json!(["quiet-days"])));
    assert_eq!(set(json!({"testing_days": 11})).await["testing_days"], 11);
    assert_eq!(told().await, ("ready-for-enforce".to_owned(), json!(["policy-enforce"])));
    set(json!({"sessions_min": 151})).await;
    assert_eq!(told().await, ("testing".to_owned(), json!(["sessions"])));
    let settings = set(json!({"testing_days": null, "sessions_min": null})).await;
    assert_eq!((&settings["testing_days"], &settings["sessions_min"]), (&Value::Null, &Value::Null));
    assert_eq!(told().await, ("testing".to_owned(), json!(["quiet-days"])));
    for refused in [json!({"testing_days": 0}), json!({"testing_days": 366}), json!({"gap_max_days": -1}), json!({"sessions_min": "many"})]
    {
        let answer = api.call(reqwest::Method::PATCH, "/admin/v1/tenants/a/settings", Some(crate::harness::ADMIN), Some(&refused)).await;
        answer.is_problem(400, "invalid-body");
    }
}

#[tokio::test]
async fn the_verdict_says_how_much_it_rests_on_and_who_fell_silent() {
    let api = Api::start().await;
    let key = api.tenant("a", &["a.example"]).await;
    testing(&api, "a.example", 10, &[9], Trust::DkimAligned).await;
    for number in 5..20 {
        let day = FIRST.plus(number).to_string();
        api.submit(report("Beta", &format!("b-{number}"), &day, &[("sts", "a.example", 30, 0)])).await;
    }
    api.settled().await;
    let found = of(&api, &key, "a.example", 19).await;
    let evidence = &found["evidence"];
    assert_eq!(
        evidence["reporters"],
        json!([
            {"reporter": "Beta", "days": 15, "successful_sessions": 450, "failed_sessions": 0, "verified_sessions": 0},
            {"reporter": "Alpha", "days": 10, "successful_sessions": 99, "failed_sessions": 1, "verified_sessions": 100},
        ])
    );
    assert_eq!((&evidence["sessions"], &evidence["days_covered"]), (&json!(550), &json!(20)));
    assert!((evidence["verified_share"].as_f64().unwrap() - 100.0 / 550.0).abs() < 1e-9, "{evidence}");
    assert_eq!(evidence["modes"], json!({"none": 0, "testing": 25, "enforce": 0}));
    let silent = &evidence["silent_reporters"];
    assert_eq!((&silent[0]["reporter"], &silent[0]["last_day"], &silent[1]), (&json!("Alpha"), &json!(FIRST.plus(9)), &Value::Null));
    assert_eq!(
        evidence["refused"],
        json!({"last_14_days": {"sessions": 1, "reporters": [{"reporter": "Alpha", "sessions": 1}]},
               "last_28_days": {"sessions": 1, "reporters": [{"reporter": "Alpha", "sessions": 1}]}})
    );
    let metrics = api.get("/v1/metrics", &key).await.text();
    let state = format!("tlsrpt_tenant_readiness{{domain=\"a.example\",state=\"{}\"}} 1\n", readiness_today(&api, &key).await);
    assert!(metrics.contains(&state), "{state}{metrics}");
}

async fn readiness_today(api: &Api, key: &str) -> String {
    api.get("/v1/domains/a.example/readiness", key).await.json()["state"].as_str().unwrap().to_owned()
}
