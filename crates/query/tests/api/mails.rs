//! Mails: who sent them, what is shown of them to whom, and verdicts that come later.

use serde_json::{Value, json};
use tlsrpt_query::QueryConfig;
use tlsrpt_record::SubmissionId;

use crate::harness::{ADMIN, Api, mail, report};

#[path = "../../../origin/tests/verify/support.rs"]
#[expect(dead_code, reason = "what the verifier's own tests use besides")]
mod dns;

const DAY: &str = "2026-03-02";
const REPORTS: &str = "/v1/reports?from=2026-03-01&to=2026-03-31";
const KEY: &str = "s1._domainkey.sender.example";

async fn item(api: &Api, id: SubmissionId) -> Value {
    api.admin(&format!("/admin/v1/submissions/{id}")).await
}

#[tokio::test]
async fn the_operator_sees_who_sent_a_mail_and_has_it_as_received() {
    let api = Api::start().await;
    api.tenant("a", &["a.example"]).await;
    let raw = mail("Report =?utf-8?q?f=C3=BCr?= you", &[report("Alpha", "1", DAY, &[("sts", "a.example", 1, 2)])]);
    let id = api.submit_mail(&["one@reports.example", "two@reports.example"], raw.clone()).await;
    let post = api.submit(report("Alpha", "2", DAY, &[("sts", "a.example", 1, 2)])).await;
    let text = api.submit_mail(&["one@reports.example"], "From: Jo <jo@x.example>\r\nSubject: Hello\r\n\r\nHow are you?\r\n").await;
    api.settled().await;

    let shown = item(&api, id).await;
    let envelope = json!({
        "helo": "mail.sender.example", "mail_from": "bounce@sender.example",
        "recipients": ["one@reports.example", "two@reports.example"], "tls": "TLSv1.3"
    });
    for (field, value) in [
        ("channel", json!("smtp")),
        ("sender", json!("Reports <noreply@sender.example>")),
        ("subject", json!("Report für you")),
        ("envelope", envelope),
        ("trust", json!("none")),
        ("authentication", json!("dkim=none")),
        ("signer", Value::Null),
        ("deferred", json!(false)),
        ("fate", json!("stored")),
    ] {
        assert_eq!(shown[field], value, "{field}: {shown}");
    }
    let shown = item(&api, post).await;
    for field in ["sender", "subject", "envelope", "authentication", "signer", "deferred"] {
        assert_eq!(shown[field], Value::Null, "{field}: {shown}");
    }
    let shown = item(&api, text).await;
    assert_eq!(
        (&shown["reason"], &shown["sender"], &shown["subject"]),
        (&json!("no-report"), &json!("Jo <jo@x.example>"), &json!("Hello"))
    );

    let raw_view = api.get(&format!("/admin/v1/submissions/{id}/raw"), ADMIN).await;
    assert_eq!(raw_view.body, raw.as_bytes());
    assert_eq!((raw_view.header("content-type"), raw_view.header("x-content-type-options")), ("message/rfc822", "nosniff"));
    assert_eq!(raw_view.header("content-disposition"), format!("attachment; filename=\"{id}.eml\""));
    let raw_view = api.get(&format!("/admin/v1/submissions/{post}/raw"), ADMIN).await;
    assert_eq!(raw_view.header("content-disposition"), format!("attachment; filename=\"{post}.bin\""));

    let listed = api.admin("/admin/v1/submissions?channel=smtp").await;
    let ids: Vec<&str> = listed["submissions"].as_array().unwrap().iter().map(|one| one["submission_id"].as_str().unwrap()).collect();
    assert_eq!(ids, [text.to_string(), id.to_string()]);
    let listed = api.admin("/admin/v1/submissions?channel=smtp&fate=rejected&reason=no-report").await;
    assert_eq!(listed["submissions"].as_array().unwrap().len(), 1);
    api.get("/admin/v1/submissions?channel=mail", ADMIN).await.is_problem(400, "invalid-parameter");
}

#[tokio::test]
async fn a_tenant_sees_its_own_part_of_a_report_in_a_mail_and_never_the_mail() {
    let api = Api::start().await;
    let (a, b) = (api.tenant("a", &["a.example"]).await, api.tenant("b", &["b.example"]).await);
    let shared = report("Shared", "1", DAY, &[("sts", "a.example", 1, 0), ("sts", "b.example", 2, 0)]);
    let of_b = report("OnlyB", "2", DAY, &[("sts", "b.example", 3, 0)]);
    api.submit_mail(&["a@reports.example", "b@reports.example"], mail("Two reports", &[shared, of_b.clone()])).await;
    api.settled().await;
    let page = api.get(REPORTS, &a).await.json();
    assert_eq!(page["reports"].as_array().unwrap().len(), 1);
    let key = page["reports"][0]["report_key"].as_str().unwrap();
    let raw = api.get(&format!("/v1/reports/{key}/raw"), &a).await;
    assert_eq!((raw.status.as_u16(), raw.header("content-type")), (200, "application/tlsrpt+json"));
    assert_eq!(raw.json()["policies"].as_array().unwrap().len(), 1);
    let detail = api.get(&format!("/v1/reports/{key}"), &a).await;
    assert_eq!((&detail.json()["authentication"], &detail.json()["signer"]), (&json!("dkim=none"), &Value::Null));
    for text in [raw.text(), detail.text()] {
        for foreign in ["b.example", "OnlyB", "reports.example", "Two reports", "From:", "--b"] {
            assert!(!text.contains(foreign), "{foreign}: {text}");
        }
    }
    // One that is a tenant's as a whole is shown as it was sent.
    let page = api.get(&format!("{REPORTS}&reporter=OnlyB"), &b).await.json();
    let key = page["reports"][0]["report_key"].as_str().unwrap();
    assert_eq!(api.get(&format!("/v1/reports/{key}/raw"), &b).await.text().trim_end(), of_b);
}

/// Sends mails in this order; answers trust and successful sessions of the one row, and the fate of each.
async fn contest(api: &Api, key: &str, mails: &[&str]) -> ((String, u64), Vec<String>) {
    let mut ids = Vec::new();
    for raw in mails {
        ids.push(api.submit_mail(&["a@reports.example"], *raw).await);
        api.settled().await;
    }
    let page = api.get(REPORTS, key).await.json();
    let [row] = &page["reports"].as_array().unwrap()[..] else { panic!("{page}") };
    let mut fates = Vec::new();
    for id in ids {
        fates.push(item(api, id).await["fate"].as_str().unwrap().to_owned());
    }
    ((row["trust"].as_str().unwrap().to_owned(), row["successful_sessions"].as_u64().unwrap()), fates)
}

#[tokio::test]
async fn a_forged_report_neither_overwrites_a_signed_one_nor_keeps_it_out() {
    let signer = dns::Signer::new();
    let server = dns::Zone::default().txt(KEY, &signer.record("")).serve().await;
    let signed = signer.sign("sender.example", &mail("r", &[report("Sender", "1", DAY, &[("sts", "a.example", 10, 0)])]));
    let unsigned = mail("r", &[report("Sender", "1", DAY, &[("sts", "a.example", 666, 0)])]);
    let forged = dns::Signer::new().sign("sender.example", &unsigned);
    let (stored, duplicate) = ("stored".to_owned(), "duplicate".to_owned());
    for (mails, fates) in [
        ([&*unsigned, &*signed, &*forged], [&duplicate, &stored, &duplicate]),
        ([&*forged, &*unsigned, &*signed], [&duplicate, &duplicate, &stored]),
        ([&*signed, &*forged, &*unsigned], [&stored, &duplicate, &duplicate]),
    ] {
        let mut api = Api::start_without_pipeline(QueryConfig::default()).await;
        api.origin = dns::config(server.addr);
        api.start_pipeline();
        let key = api.tenant("a", &["a.example"]).await;
        let (row, seen) = contest(&api, &key, &mails).await;
        assert_eq!(row, ("dkim-aligned".to_owned(), 10));
        assert_eq!(seen.iter().collect::<Vec<_>>(), fates);
    }
}

#[tokio::test]
async fn a_verdict_that_dns_kept_us_from_comes_when_dns_is_back() {
    // Takes questions and answers none.
    let silent = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let addr = silent.local_addr().unwrap();
    let config = QueryConfig { deferred_interval_ms: 20, deferred_retry_ms: 100, ..QueryConfig::default() };
    let mut api = Api::start_without_pipeline(config).await;
    api.origin = tlsrpt_origin::OriginConfig { query_timeout_ms: 100, ..dns::config(addr) };
    api.start_pipeline();
    let key = api.tenant("a", &["a.example"]).await;
    let signer = dns::Signer::new();
    let signed = signer.sign("sender.example", &mail("r", &[report("Sender", "1", DAY, &[("sts", "a.example", 10, 0)])]));
    let id = api.submit_mail(&["a@reports.example"], signed).await;

    // It counts at once.
    let page = api.until_as(&key, REPORTS, |page| page["reports"].as_array().is_some_and(|reports| reports.len() == 1)).await;
    assert_eq!(page["reports"][0]["trust"], "none");
    // Its ledger entry follows its rows.
    api.until("/admin/v1/submissions?channel=smtp", |page| page["submissions"].as_array().is_some_and(|all| !all.is_empty())).await;
    let shown = item(&api, id).await;
    assert_eq!((&shown["deferred"], &shown["trust"], &shown["signer"]), (&json!(true), &json!("none"), &Value::Null));

    drop(silent);
    let _server = dns::Zone::default().txt(KEY, &signer.record("")).serve_at(addr).await;
    let shown = api.until(&format!("/admin/v1/submissions/{id}"), |shown| shown["deferred"] == false).await;
    assert_eq!((&shown["trust"], &shown["signer"], &shown["fate"]), (&json!("dkim-aligned"), &json!("sender.example"), &json!("stored")));
    let page = api.get(REPORTS, &key).await.json();
    assert_eq!((page["reports"].as_array().unwrap().len(), &page["reports"][0]["trust"]), (1, &json!("dkim-aligned")));
    let report = api.get(&format!("/v1/reports/{}", page["reports"][0]["report_key"].as_str().unwrap()), &key).await.json();
    assert_eq!(report["signer"], "sender.example");
    assert!(report["authentication"].as_str().unwrap().starts_with("dkim=pass header.d=sender.example"), "{report}");
    let tries = api.metrics.gather().into_iter().find(|family| family.name() == "tlsrpt_query_deferred_verdict_retries_total").unwrap();
    assert!(tries.get_metric()[0].get_counter().get_value() >= 1.0);
}
