//! Erasing a tenant, from its deletion to a disk that holds nothing of it.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tlsrpt_tests::{Encoding, Policy, Report, Setup, settled, wide_period};

/// The log keeps what is done with for a moment, and erasures are looked at often.
const CONFIG: &str = "[log]\nsubmissions_kept_seconds = 2\nnormalized_kept_seconds = 2\n\
                      [query]\nerasure_interval_ms = 200\nkey_use_interval_ms = 200\n";

/// Files below `dir` that hold these bytes.
fn holding(dir: &Path, mark: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        // A file may go while it is looked for.
        if path.is_dir() {
            found.extend(holding(&path, mark));
        } else if std::fs::read(&path).is_ok_and(|bytes| bytes.windows(mark.len()).any(|part| part == mark.as_bytes())) {
            found.push(path);
        }
    }
    found
}

#[tokio::test]
async fn from_the_deletion_of_a_tenant_to_a_disk_without_any_trace_of_its_payloads() {
    let mut service = Setup::new().config(CONFIG).start().await;
    let (operator, sender) = (service.operator(), service.sender());
    let (a, b) = (operator.tenant("tenant-alfa", &["alfa.example"]).await, operator.tenant("tenant-bravo", &["bravo.example"]).await);
    // Too random to be compressed into something else.
    let (marked, kept) = (format!("Mark{:032x}", rand::random::<u128>()), format!("Kept{:032x}", rand::random::<u128>()));
    let own = Report::new(&marked, "own", vec![Policy::sts("alfa.example", 10, 1)]);
    sender.send_to(&a.address, own.encode(Encoding::Plain)).await;
    let shared = Report::new("Shared", "shared", vec![Policy::sts("alfa.example", 20, 2), Policy::sts("bravo.example", 30, 3)]);
    sender.send(shared.encode(Encoding::Gzip)).await;
    sender.send(Report::new(&kept, "others", vec![Policy::sts("bravo.example", 40, 4)]).encode(Encoding::Plain)).await;
    settled(&operator, 3).await;
    let reports = format!("/v1/reports?{}", wide_period());
    assert!(service.tenant(&a.key).get(&reports).await.text().contains(&marked));
    let before = service.tenant(&b.key).json(&reports).await;
    let data = service.data_dir();
    assert!(holding(&data.join("log"), &marked).len() + holding(&data.join("clickhouse"), &marked).len() >= 2, "the mark can be found");

    let deleted = operator.delete("/admin/v1/tenants/tenant-alfa").await.is(204);
    assert_eq!(deleted.header("location"), "/admin/v1/erasures/tenant-alfa");
    service.tenant(&a.key).get(&reports).await.is(401);
    // It goes on where it was.
    service.kill();
    service.start_again().await;
    let operator = service.operator();

    let began = Instant::now();
    let done = loop {
        let erasure = operator.json("/admin/v1/erasures/tenant-alfa").await;
        if erasure["state"] == "done" {
            break erasure;
        }
        assert!(began.elapsed() < Duration::from_secs(240), "{erasure}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let left = |table: &Value| (table["table"].as_str().unwrap().to_owned(), table["left"].as_u64().unwrap());
    let tables: Vec<_> = done["tables"].as_array().unwrap().iter().map(left).collect();
    assert_eq!(tables, ["reports", "submissions", "key_use", "notices"].map(|table| (table.to_owned(), 0)));
    assert_eq!((&done["keys_left"], &done["files_left"]), (&json!(0), &json!(0)));

    assert_eq!(holding(&data, &marked), Vec::<PathBuf>::new());
    assert!(!holding(&data, &kept).is_empty());
    assert_eq!(service.tenant(&b.key).json(&reports).await, before);
    settled(&operator, 2).await;
    service.finish().await;
}
