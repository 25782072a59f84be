//! Payloads that are acknowledged and then refused with a reason, or counted as far as they can be.

use serde_json::{Value, json};
use tlsrpt_tests::{Encoding, Generator, Policy, Report, Setup, Size, fate_of, gzip, reported_day, settled, wide_period, zip_of};

const DOMAIN: &str = "example.com";

fn report(id: &str) -> Value {
    Report::new("Sender", id, vec![Policy::sts(DOMAIN, 10, 0)]).document()
}

/// gzip of `bytes` zeros.
fn bomb(bytes: usize) -> Vec<u8> {
    gzip(&vec![b' '; bytes])
}

fn truncated() -> Vec<u8> {
    let whole = Generator::new(70).report(DOMAIN, Size::Medium).encode(Encoding::Gzip);
    whole[..whole.len() / 2].to_vec()
}

fn flipped() -> Vec<u8> {
    let mut bytes = Generator::new(71).report(DOMAIN, Size::Medium).encode(Encoding::Gzip);
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8].fill(0xff);
    bytes
}

fn nested(levels: usize) -> String {
    report("deep").to_string().replacen('{', &format!("{{\"x\":{}{},", "[".repeat(levels), "]".repeat(levels)), 1)
}

fn with_policies(count: usize) -> Vec<u8> {
    let policies: Vec<Policy> = (0..count).map(|number| Policy::sts(&format!("d{number}.{DOMAIN}"), 1, 0)).collect();
    // Stays below the ratio that no report reaches, since every policy differs.
    zip_of(&[("r.json", Report::new("Sender", "many", policies).text().as_bytes())])
}

#[tokio::test]
async fn each_hostile_payload_is_acknowledged_and_rejected_with_its_reason() {
    let service = Setup::new().start().await;
    let (operator, sender) = (service.operator(), service.sender());
    operator.tenant("acme", &[DOMAIN]).await;
    let huge = "x".repeat(2 << 20);
    let mut twice = report("twice").to_string();
    twice.insert_str(1, "\"report-id\":\"first\",");
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("gzip cut short", truncated(), "corrupt-gzip"),
        ("gzip with flipped bytes", flipped(), "corrupt-gzip"),
        ("zip cut short", zip_of(&[("r.json", report("z").to_string().as_bytes())])[..60].to_vec(), "corrupt-zip"),
        ("an empty zip", zip_of(&[]), "no-document"),
        ("gzip of nothing", gzip(b""), "no-document"),
        ("gzip three deep", gzip(&gzip(&gzip(report("g").to_string().as_bytes()))), "too-many-layers"),
        ("a decompression bomb", bomb(200 << 20), "compression-ratio"),
        ("a decompression bomb inside gzip", gzip(&bomb(200 << 20)), "compression-ratio"),
        ("100,000 levels of arrays", nested(100_000).into_bytes(), "too-deep"),
        ("10,001 policies", with_policies(10_001), "too-many-policies"),
        ("a string of 2 MiB", report("s").to_string().replace("Sender", &huge).into_bytes(), "string-too-long"),
        ("a key that stands twice", twice.into_bytes(), "duplicate-key"),
        ("no JSON", b"{\"organization-name\": what".to_vec(), "not-json"),
        ("an array", b"[1,2,3]".to_vec(), "not-an-object"),
        ("no policies", json!({"organization-name": "x", "policies": []}).to_string().into_bytes(), "no-policies"),
        (
            "no counts",
            json!({"policies": [{"policy": {"policy-type": "sts", "policy-domain": DOMAIN}}]}).to_string().into_bytes(),
            "no-counts",
        ),
    ];
    let mut ids = Vec::new();
    for (what, payload, _) in &cases {
        let answer = sender.post(payload.clone()).await;
        assert_eq!(answer.status, 201, "{what}: {}", answer.text());
        ids.push(answer.json()["submission_id"].as_str().unwrap().to_owned());
    }
    let ledger = settled(&operator, cases.len() as u64).await;
    let mut found = Vec::new();
    for ((what, _, _), id) in cases.iter().zip(&ids) {
        found.push(format!("{what}: {}", fate_of(&operator, id).await));
    }
    let expected: Vec<String> = cases.iter().map(|(what, _, reason)| format!("{what}: rejected {reason}")).collect();
    assert_eq!(found, expected);
    assert_eq!(ledger.rejected, cases.len() as u64, "{ledger:?}");
    // What was rejected is kept for inspection.
    let raw = operator.get(&format!("/admin/v1/submissions/{}/raw", ids[0])).await.is(200);
    assert_eq!(raw.body, cases[0].1);
    service.finish().await;
}

#[tokio::test]
async fn a_report_at_the_limits_is_counted_whole() {
    let service = Setup::new().start().await;
    let (operator, sender) = (service.operator(), service.sender());
    let access = operator.tenant("acme", &[DOMAIN]).await;
    sender.send(with_policies(10_000)).await;
    sender.send(nested(60)).await;
    let ledger = settled(&operator, 2).await;
    assert_eq!(ledger.stored, 2, "{ledger:?}");
    let summary = service.tenant(&access.key).json(&format!("/v1/summary?{}", wide_period())).await;
    assert_eq!((&summary["successful_sessions"], &summary["reports"]), (&json!(10_010), &json!(2)), "{summary}");
    service.finish().await;
}

#[tokio::test]
async fn counts_beyond_64_bits_stand_at_the_largest_number_and_are_marked() {
    let service = Setup::new().start().await;
    let (operator, sender) = (service.operator(), service.sender());
    let access = operator.tenant("acme", &[DOMAIN]).await;
    let tenant = service.tenant(&access.key);
    for id in ["one", "two"] {
        let text = report(id)
            .to_string()
            .replace("\"total-successful-session-count\":10", "\"total-successful-session-count\":18446744073709551617");
        assert!(text.contains("18446744073709551617"));
        sender.send(text).await;
    }
    settled(&operator, 2).await;
    let day = reported_day();
    for path in [
        format!("/v1/summary?from={day}&to={day}"),
        format!("/v1/timeseries?from={day}&to={day}"),
        format!("/v1/domains?from={day}&to={day}"),
    ] {
        let answer = tenant.get(&path).await.is(200);
        assert!(answer.text().contains("\"successful_sessions\":18446744073709551615"), "{path}: {}", answer.text());
    }
    let listed = tenant.json(&format!("/v1/reports?from={day}&to={day}")).await;
    for report in listed["reports"].as_array().unwrap() {
        assert_eq!(report["warnings"], json!(["count-saturated"]), "{listed}");
        assert_eq!(report["successful_sessions"], json!(u64::MAX), "{listed}");
    }
    service.finish().await;
}

#[tokio::test]
async fn texts_of_reports_reach_the_answers_as_data_and_nothing_else() {
    let service = Setup::new().start().await;
    let (operator, sender) = (service.operator(), service.sender());
    let access = operator.tenant("acme", &[DOMAIN]).await;
    let tenant = service.tenant(&access.key);
    let names = [
        "Robert'); DROP TABLE reports;--",
        "<script>alert(1)</script>",
        "back\\slash \\' \\\\' {x:String} ? ?? :y",
        "\u{202e}right-to-left \u{1f9ff} \u{0} \u{7} \t",
        "Ünïcödé 组织 организация",
    ];
    for (number, name) in names.iter().enumerate() {
        let mut document = report(&format!("{name}-{number}"));
        document["organization-name"] = json!(name);
        document["policies"][0]["failure-details"] = json!([{"result-type": name, "sending-mta-ip": name, "receiving-mx-hostname": name, "failed-session-count": 0, "failure-reason-code": name}]);
        sender.send(document.to_string()).await;
    }
    let ledger = settled(&operator, names.len() as u64).await;
    assert_eq!(ledger.stored, names.len() as u64, "{ledger:?}");
    let listed = tenant.json(&format!("/v1/reports?{}", wide_period())).await;
    let mut reporters: Vec<&str> =
        listed["reports"].as_array().unwrap().iter().map(|report| report["reporter"].as_str().unwrap()).collect();
    reporters.sort_unstable();
    let mut expected: Vec<&str> = names.iter().map(|name| name.trim()).collect();
    expected.sort_unstable();
    assert_eq!(reporters, expected);
    for reporter in reporters {
        let query: String = reporter.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let found = tenant.json(&format!("/v1/reports?{}&reporter={query}", wide_period())).await;
        assert_eq!(found["reports"].as_array().unwrap().len(), 1, "{reporter:?}: {found}");
    }
    for by in ["reporter", "receiving_mx", "reason", "sending_ip", "result_type"] {
        tenant.json(&format!("/v1/failures?{}&group_by={by}", wide_period())).await;
    }
    service.finish().await;
}
