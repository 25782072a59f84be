//! Raw views.

use std::io::Write;

use serde_json::{Value, json};

use crate::harness::{ADMIN, Api, report};

async fn key_of(api: &Api, key: &str) -> String {
    let page = api.get("/v1/reports?from=2026-03-01&to=2026-03-31", key).await.json();
    page["reports"][0]["report_key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn of_a_report_that_two_tenants_share_each_sees_its_own_policies_and_the_operator_sees_it_as_received() {
    let api = Api::start().await;
    let (a, b) = (api.tenant("a", &["a.example"]).await, api.tenant("b", &["b.example"]).await);
    let text =
        report("Shared", "1", "2026-03-02", &[("sts", "a.example", 1, 2), ("sts", "b.example", 3, 4), ("sts", "nobody.example", 5, 6)]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    let payload = gzip.finish().unwrap();
    let id = api.submit(payload.clone()).await;
    api.settled().await;

    for (key, own, foreign) in [(&a, "a.example", "b.example"), (&b, "b.example", "a.example")] {
        let report_key = key_of(&api, key).await;
        let raw = api.get(&format!("/v1/reports/{report_key}/raw"), key).await;
        assert_eq!(
            (raw.status.as_u16(), raw.header("content-type"), raw.header("x-content-type-options")),
            (200, "application/tlsrpt+json", "nosniff")
        );
        let document = raw.json();
        assert_eq!(document["policies"].as_array().unwrap().iter().map(|p| &p["policy"]["policy-domain"]).collect::<Vec<_>>(), [own]);
        assert_eq!((&document["organization-name"], &document["report-id"]), (&json!("Shared"), &json!("1")));
        assert!(!raw.text().contains(foreign) && !raw.text().contains("nobody.example"), "{}", raw.text());
    }
    let (key_a, key_b) = (key_of(&api, &a).await, key_of(&api, &b).await);
    assert_ne!(key_a, key_b);
    api.get(&format!("/v1/reports/{key_a}/raw"), &b).await.is_problem(404, "not-found");

    let raw = api.get(&format!("/admin/v1/submissions/{id}/raw"), ADMIN).await;
    assert_eq!(raw.body, payload);
    assert_eq!((raw.header("content-type"), raw.header("x-content-type-options")), ("application/octet-stream", "nosniff"));
    assert!(raw.header("content-disposition").starts_with("attachment"));
}

#[tokio::test]
async fn a_report_that_is_all_the_tenants_own_is_shown_as_it_was_sent() {
    let api = Api::start().await;
    let key = api.tenant("a", &["a.example"]).await;
    let compact: Value =
        serde_json::from_str(&report("Alpha", "1", "2026-03-02", &[("sts", "a.example", 1, 2), ("tlsa", "mx.a.example", 3, 4)])).unwrap();
    let text = format!("{}\n", serde_json::to_string_pretty(&compact).unwrap());
    api.submit(text.clone()).await;
    api.settled().await;
    let raw = api.get(&format!("/v1/reports/{}/raw", key_of(&api, &key).await), &key).await;
    assert_eq!(raw.text(), text);
}
