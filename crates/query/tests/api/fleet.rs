//! What an operator sees over all tenants: incidents, and who weighs most.

use serde_json::{Value, json};
use tlsrpt_record::SubmissionId;

use crate::harness::{Api, report};

/// Three tenants with failures at one host yesterday and today, and one with failures at a host of its own; nobody's domain too.
async fn api() -> (Api, String) {
    let api = Api::start().await;
    let today = SubmissionId::now().received_at().day();
    let shared = |domain: &str, id: &str, ago: i32, failed| {
        let report = report("Alpha", id, &today.plus(-ago).to_string(), &[("sts", domain, 100, failed)]);
        report.replace(&format!("mx.{domain}"), "mx.host.example")
    };
    for (n, tenant) in ["a", "b", "c"].into_iter().enumerate() {
        let domain = format!("{tenant}.example");
        api.tenant(tenant, &[&domain]).await;
        api.submit(shared(&domain, tenant, i32::try_from(n).unwrap() % 2, 7)).await;
    }
    api.submit(shared("nobody.example", "n", 0, 1)).await;
    api.tenant("own", &["own.example"]).await;
    api.submit(report("Beta", "own", &today.to_string(), &[("sts", "own.example", 0, 1_000_000)])).await;
    api.settled().await;
    (api, today.plus(-1).to_string())
}

#[tokio::test]
async fn the_operator_sees_one_line_for_many_tenants_trouble_with_one_host() {
    let (api, yesterday) = api().await;
    let found = api.admin("/admin/v1/incidents").await;
    let [first, second] = &found["incidents"].as_array().unwrap()[..] else { panic!("{found}") };
    let field = |one: &Value, names: &[&str]| names.iter().map(|name| one[name].clone()).collect::<Vec<_>>();
    assert_eq!(
        field(first, &["receiving_mx", "result_type", "since", "tenants", "domains", "reporters", "failed_sessions", "example_tenants"]),
        [
            json!("mx.host.example"),
            json!("certificate-expired"),
            json!(yesterday),
            json!(3),
            json!(4),
            json!(1),
            json!(22),
            json!(["a", "b", "c"])
        ]
    );
    assert_eq!(first["explanation"], json!({"title": "Certificate has expired", "blocks_under_enforce": true, "who": "receiver"}));
    assert_eq!(field(second, &["receiving_mx", "tenants", "example_domains"]), [json!("mx.own.example"), json!(1), json!(["own.example"])]);

    let hosts = async |query: &str| -> Vec<Value> {
        let found = api.admin(&format!("/admin/v1/incidents?{query}")).await;
        found["incidents"].as_array().unwrap().iter().map(|one| one["receiving_mx"].clone()).collect()
    };
    assert_eq!(hosts("min_tenants=2").await, ["mx.host.example"]);
    assert_eq!(hosts("sort=-failed_sessions&limit=1").await, ["mx.own.example"]);
    assert_eq!(hosts("trust=dkim-aligned").await, [] as [&str; 0]);
    assert_eq!(hosts("to=2026-01-31").await, [] as [&str; 0]);
    let by_net = api.admin("/admin/v1/incidents?group_by=receiving_net").await;
    assert_eq!((&by_net["incidents"][0]["receiving_net"], &by_net["incidents"][0]["tenants"]), (&json!("203.0.113.0/24"), &json!(4)));
    assert!(by_net["incidents"][0].get("explanation").is_none(), "nothing to explain without a result type");
}

#[tokio::test]
async fn the_operator_sees_which_tenants_domains_and_reporters_weigh_most() {
    let (api, _) = api().await;
    let top = async |query: &str| api.admin(&format!("/admin/v1/top?{query}")).await["top"].clone();
    let names = |top: &Value| top.as_array().unwrap().iter().map(|one| one["name"].clone()).collect::<Vec<_>>();
    let tenants = top("weight=sessions").await;
    assert_eq!(names(&tenants), [json!("own"), json!("a"), json!("b"), json!("c"), json!(null)]);
    assert_eq!((&tenants[0]["sessions"], &tenants[0]["reports"]), (&json!(1_000_000), &json!(1)));
    assert_eq!(names(&top("by=reporters&limit=1").await), ["Alpha"]);
    let domains = top("by=domains&weight=payload_bytes").await;
    assert_eq!(domains.as_array().unwrap().len(), 5);
    // The bytes of each are those of the submission behind it, the greatest first.
    let mut bytes: Vec<u64> = domains.as_array().unwrap().iter().map(|one| one["payload_bytes"].as_u64().unwrap()).collect();
    assert!(bytes.is_sorted_by(|a, b| a >= b), "{bytes:?}");
    let submissions = api.admin("/admin/v1/submissions").await;
    let mut received: Vec<u64> =
        submissions["submissions"].as_array().unwrap().iter().map(|one| one["payload_bytes"].as_u64().unwrap()).collect();
    bytes.sort_unstable();
    received.sort_unstable();
    assert_eq!(bytes, received);
    assert_eq!(top("from=2026-01-01&to=2026-01-31").await, json!([]));
}
