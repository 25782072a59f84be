//! Every route of the table, with every key that must not open it.

use reqwest::Method;
use serde_json::{Value, json};
use tlsrpt_query::{Audience, Route, routes};
use tlsrpt_registry::{Role, Scope};

use crate::harness::{ADMIN, Api, mail, report};

/// The route's path with its names filled in.
fn path(route: &Route, report_key: &str) -> String {
    path_of(route, report_key, "a.example")
}

fn path_of(route: &Route, report_key: &str, domain: &str) -> String {
    route
        .path
        .replace("{report_key}", report_key)
        .replace("{id}", "00000000-0000-7000-8000-000000000000")
        .replace("{domain}", domain)
        .replace("{key_id}", "none")
        .replace("{name}", "none")
}

fn body(route: &Route) -> Option<Value> {
    [Method::POST, Method::PATCH, Method::PUT].contains(&route.method).then(|| json!({}))
}

#[tokio::test]
async fn no_route_opens_without_its_own_key_and_none_tells_anything_before() {
    let api = Api::start_without_pipeline(Default::default()).await;
    let tenant = api.tenant("a", &["a.example"]).await;
    for route in routes() {
        let path = format!("{}?no_such_parameter=1", path(&route, "00000000000000000000000000000001"));
        let (own, foreign) = match route.audience {
            Audience::Operator(_) => (ADMIN, &*tenant),
            Audience::Tenant(_) => (&*tenant, ADMIN),
        };
        let call = async |key: Option<&str>| api.call(route.method.clone(), &path, key, body(&route).as_ref()).await;
        let missing = call(None).await;
        missing.is_problem(401, "key-missing");
        assert_eq!(missing.header("www-authenticate"), "Bearer realm=\"tlsrpt\"");
        for key in [foreign, "made-up", &tenant[..tenant.len() - 1], "admin-key-of-the-test"] {
            let refused = call(Some(key)).await;
            refused.is_problem(401, "key-unknown");
            assert!(refused.header("www-authenticate").contains("invalid_token"));
        }
        // With its key the route is there, and sees the parameter.
        call(Some(own)).await.is_problem(400, "unknown-parameter");
    }
}

#[tokio::test]
async fn a_tenants_key_opens_the_routes_of_its_scopes_and_is_told_which_one_is_missing() {
    let api = Api::start_without_pipeline(Default::default()).await;
    api.tenant("a", &["a.example"]).await;
    for scope in Scope::ALL {
        let key = api.post("/admin/v1/tenants/a/keys", json!({"name": "one", "scopes": [scope]})).await.json();
        let key = key["key"].as_str().unwrap();
        for route in routes() {
            let Audience::Tenant(needed) = route.audience else { continue };
            let path = format!("{}?no_such_parameter=1", path(&route, "00000000000000000000000000000001"));
            let answer = api.call(route.method.clone(), &path, Some(key), body(&route).as_ref()).await;
            if needed == scope {
                answer.is_problem(400, "unknown-parameter");
            } else {
                let problem = answer.is_problem(403, "scope-missing");
                assert_eq!(problem["name"], needed.as_str(), "{path}: {problem}");
                assert!(answer.header("www-authenticate").contains("insufficient_scope"));
            }
        }
    }
}

#[tokio::test]
async fn a_support_key_looks_at_everything_but_payloads_and_changes_nothing() {
    let api = Api::start_without_pipeline(Default::default()).await;
    api.tenant("a", &["a.example"]).await;
    let key = async |role: &str| {
        let made = api.post("/admin/v1/keys", json!({"name": role, "role": role})).await;
        assert_eq!(made.status.as_u16(), 201, "{}", made.text());
        made.json()["key"].as_str().unwrap().to_owned()
    };
    let (support, admin) = (key("support").await, key("admin").await);
    for route in routes() {
        let path = format!("{}?no_such_parameter=1", path(&route, "00000000000000000000000000000001"));
        let call = async |key: &str| api.call(route.method.clone(), &path, Some(key), body(&route).as_ref()).await;
        match route.audience {
            Audience::Tenant(_) => {
                call(&support).await.is_problem(401, "key-unknown");
                call(&admin).await.is_problem(401, "key-unknown");
            }
            Audience::Operator(needed) => {
                call(&admin).await.is_problem(400, "unknown-parameter");
                let changes = route.method != Method::GET;
                assert_eq!(needed, if changes || route.path.ends_with("/raw") { Role::Admin } else { Role::Support }, "{}", route.path);
                if needed == Role::Admin {
                    assert_eq!(call(&support).await.is_problem(403, "role-missing")["name"], "admin", "{}", route.path);
                } else {
                    call(&support).await.is_problem(400, "unknown-parameter");
                }
            }
        }
    }
    assert_eq!(api.get("/admin/v1/tenants/a", &support).await.json()["domains"], 1);
}

#[tokio::test]
async fn no_tenant_route_ever_answers_with_anything_of_another_tenants() {
    let api = Api::start().await;
    let (a, b) = (api.tenant("a", &["a.example"]).await, api.tenant("b", &["b.example"]).await);
    let today = tlsrpt_record::SubmissionId::now().received_at().day().to_string();
    // Each has reports of its own, and they share one.
    api.submit(report("OnlyForA", "id-of-a", &today, &[("sts", "a.example", 1_100_003, 1_100_033)])).await;
    api.submit(report("OnlyForB", "id-of-b", &today, &[("sts", "b.example", 7_700_003, 7_700_033)])).await;
    api.submit(report(
        "ForBoth",
        "shared",
        &today,
        &[("sts", "a.example", 1_100_037, 1_100_039), ("sts", "b.example", 7_700_081, 7_700_083)],
    ))
    .await;
    // A mail to both, with a report for each.
    let reports = [
        report("ByMailToA", "mailed-a", &today, &[("sts", "a.example", 1_100_051, 0)]),
        report("ByMailToB", "mailed-b", &today, &[("sts", "b.example", 7_700_119, 0)]),
    ];
    api.submit_mail(&["box-of-a@reports.example", "box-of-b@reports.example"], mail("About-Both", &reports)).await;
    api.settled().await;

    let keys_of = async |key: &str| -> Vec<String> {
        let page = api.get("/v1/reports", key).await.json();
        page["reports"].as_array().unwrap().iter().map(|r| r["report_key"].as_str().unwrap().to_owned()).collect()
    };
    // Every number of sessions, alone and summed.
    let numbers_of_a = ["1100003", "1100033", "1100037", "1100039", "1100051", "3300091", "2200072"];
    let numbers_of_b = ["7700003", "7700033", "7700081", "7700083", "7700119", "23100203", "15400116"];
    let (keys_of_a, keys_of_b) = (keys_of(&a).await, keys_of(&b).await);
    assert_eq!((keys_of_a.len(), keys_of_b.len()), (3, 3));

    let mut tried = 0;
    for route in routes().filter(|route| route.method == Method::GET && matches!(route.audience, Audience::Tenant(_))) {
        for (key, own, own_name, foreign, foreign_name, foreign_reporters, foreign_numbers) in [
            (&a, &keys_of_a, "a.example", &keys_of_b, "b.example", ["OnlyForB", "ByMailToB"], numbers_of_b),
            (&b, &keys_of_b, "b.example", &keys_of_a, "a.example", ["OnlyForA", "ByMailToA"], numbers_of_a),
        ] {
            let sees_nothing = |answer: &str| {
                // Of the mail nobody sees but what is in his own report.
                let of_the_mail = ["box-of-", "About-Both", "bounce@sender.example"];
                let marks = [foreign_name].into_iter().chain(foreign_reporters).chain(of_the_mail);
                for mark in marks.chain(foreign_numbers).chain(foreign.iter().map(String::as_str)) {
                    assert!(!answer.contains(mark), "{} shows {mark}: {answer}", route.path);
                }
            };
            for report_key in own {
                let answer = api.get(&path_of(&route, report_key, own_name), key).await;
                assert_eq!(answer.status.as_u16(), 200, "{}: {}", route.path, answer.text());
                sees_nothing(&answer.text());
                tried += 1;
            }
            if route.path.contains("{report_key}") {
                for report_key in foreign {
                    let foreign = api.get(&path(&route, report_key), key).await;
                    let nowhere = "0".repeat(32);
                    let absent = api.get(&path(&route, &nowhere), key).await;
                    foreign.is_problem(404, "not-found");
                    // Word for word the answer for what exists nowhere.
                    assert_eq!(foreign.text().replace(report_key, &nowhere), absent.text());
                }
            } else if route.path.contains("{domain}") {
                let absent = api.get(&path_of(&route, "", "nowhere.example"), key).await;
                absent.is_problem(404, "not-found");
                for foreign in [foreign_name.to_owned(), format!("www.{foreign_name}"), "example".to_owned()] {
                    let answer = api.get(&path_of(&route, "", &foreign), key).await;
                    answer.is_problem(404, "not-found");
                    assert_eq!(answer.text().replace(&foreign, "nowhere.example"), absent.text());
                }
            } else if !route.path.starts_with("/v1/notifications")
                && !matches!(route.path, "/v1/result-types" | "/v1/metrics" | "/v1/readiness")
            {
                for query in [
                    format!("domain={foreign_name}"),
                    format!("domain={foreign_name}&subdomains=true"),
                    format!("reporter={}", foreign_reporters[0]),
                    format!("receiving_mx=mx.{foreign_name}"),
                    "domain=example&subdomains=true".to_owned(),
                ] {
                    let answer = api.get(&format!("{}?{query}", path(&route, "")), key).await;
                    assert_eq!(answer.status.as_u16(), 200, "{}?{query}: {}", route.path, answer.text());
                    sees_nothing(&answer.text());
                }
            }
        }
    }
    assert!(tried >= 4 * 7, "{tried}");
}
