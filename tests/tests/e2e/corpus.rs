//! Public sample reports, when there is a directory of them.

use std::path::PathBuf;

use serde_json::{Value, json};
use tlsrpt_tests::{Setup, settled};

/// File, domain to claim, successful and failed sessions of that domain, and the result type of the failures.
const SAMPLES: &[(&str, &str, u64, u64, Option<&str>)] = &[
    ("explainer-example.json", "yourdomain.com", 1240, 3, Some("certificate-expired")),
    ("parsedmarc-rfc8460.json", "company-y.example", 5326, 303, Some("certificate-expired")),
    ("mail-auth-rpt01.json", "company-y.example", 5326, 303, Some("certificate-expired")),
    ("parsedmarc-smtp_tls.json", "example.com", 0, 3, Some("validation-failure")),
    ("parsedmarc-mail.ru.json", "example.com", 0, 1, Some("sts-policy-fetch-error")),
    ("mail-auth-rpt03.json", "example.org", 2, 0, None),
    ("viewer-google.json", "foo-bar.io", 1, 0, None),
    ("viewer-no-policy.json", "foo-bar.io", 1, 0, None),
    ("viewer-no-contact.json", "server.com", 1, 0, None),
];

#[tokio::test]
async fn every_public_sample_is_taken_and_shows_its_figures() {
    let Some(dir) = std::env::var_os("TLSRPT_CORPUS_DIR").map(PathBuf::from) else {
        eprintln!("skipped: TLSRPT_CORPUS_DIR names no directory of sample reports");
        return;
    };
    let mut files: Vec<String> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.retain(|name| name.ends_with(".json"));
    files.sort_unstable();
    let mut listed: Vec<&str> = SAMPLES.iter().map(|sample| sample.0).collect();
    listed.sort_unstable();
    assert_eq!(files, listed, "each sample of {} is in the table", dir.display());

    let service = Setup::new().start().await;
    let (operator, sender) = (service.operator(), service.sender());
    let mut tenants: Vec<(&str, String)> = Vec::new();
    for (_, domain, ..) in SAMPLES {
        if !tenants.iter().any(|(claimed, _)| claimed == domain) {
            tenants.push((domain, operator.tenant(&domain.replace('.', "-"), &[domain]).await.key));
        }
    }
    for (number, (file, domain, successful, failed, result_type)) in SAMPLES.iter().enumerate() {
        let payload = std::fs::read(dir.join(file)).unwrap();
        let document: Value = serde_json::from_slice(&payload).unwrap();
        let id = sender.send(payload).await;
        settled(&operator, number as u64 + 1).await;
        let entry = operator.json(&format!("/admin/v1/submissions/{id}")).await;
        // mail-auth's copy of the RFC's example has another mx-host form and text, but is the same report.
        let expected = if *file == "mail-auth-rpt01.json" { "duplicate" } else { "stored" };
        assert_eq!(entry["fate"], expected, "{file}: {entry}");

        let (_, key) = tenants.iter().find(|(claimed, _)| claimed == domain).unwrap();
        let tenant = service.tenant(key);
        let day = &document["date-range"]["start-datetime"].as_str().unwrap()[..10];
        let summary = tenant.json(&format!("/v1/summary?from={day}&to={day}")).await;
        assert_eq!(
            (&summary["successful_sessions"], &summary["failed_sessions"]),
            (&json!(successful), &json!(failed)),
            "{file}: {summary}"
        );
        if let Some(result_type) = result_type {
            let failures = tenant.json(&format!("/v1/failures?from={day}&to={day}")).await;
            let group = failures["groups"].as_array().unwrap().iter().find(|group| group["result_type"] == *result_type);
            assert!(group.is_some(), "{file}: {failures}");
        }
    }
    service.finish().await;
}
