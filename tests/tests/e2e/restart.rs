//! What is there after a restart.

use std::{os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::json;
use tlsrpt_tests::{Encoding, Generator, Setup, Size, Totals, settled, wide_period};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode() & 0o777
}

#[tokio::test]
async fn everything_is_there_after_an_orderly_restart() {
    let mut service = Setup::new().start().await;
    let operator = service.operator();
    let access = operator.tenant("acme", &["example.com", "example.net"]).await;
    let second_key = operator.post("/admin/v1/tenants/acme/keys", &json!({"name": "second"})).await.is(201).json();
    operator.delete(&format!("/admin/v1/tenants/acme/keys/{}", second_key["id"].as_str().unwrap())).await.is(204);
    let mut reports = Generator::new(2);
    let mut totals = Totals::default();
    for number in 0..20 {
        let report = reports.report(["example.com", "example.net"][number % 2], Size::Medium);
        totals.add(&report);
        service.sender().send_to(&access.address, report.encode(Encoding::Gzip)).await;
    }
    // The stop comes while the pipeline may still be at work: what was acknowledged is safe all the same.
    let tenants = operator.json("/admin/v1/tenants").await;
    let domains = operator.json("/admin/v1/tenants/acme/domains").await;
    let keys = operator.json("/admin/v1/tenants/acme/keys").await;
    let admin_key = service.admin_key();
    let certificate = std::fs::read(service.data("tls/self-signed.crt")).unwrap();
    service.stop().await;
    service.start_again().await;

    let operator = service.operator();
    assert_eq!(service.admin_key(), admin_key, "the admin key is kept");
    assert_eq!(std::fs::read(service.data("tls/self-signed.crt")).unwrap(), certificate, "the certificate is kept");
    assert_eq!(operator.json("/admin/v1/tenants").await, tenants);
    assert_eq!(operator.json("/admin/v1/tenants/acme/domains").await, domains);
    assert_eq!(operator.json("/admin/v1/tenants/acme/keys").await, keys);
    let ledger = settled(&operator, 20).await;
    assert_eq!(ledger.stored, 20, "{ledger:?}");
    let summary = service.tenant(&access.key).json(&format!("/v1/summary?{}", wide_period())).await;
    assert_eq!(Totals::of_summary(&summary), totals);
    service.tenant(second_key["key"].as_str().unwrap()).get("/v1/summary").await.problem(401, "key-unknown");
    // And it goes on: the old address still takes reports, an old report is still known.
    service.sender().send_to(&access.address, Generator::new(2).report("example.com", Size::Medium).encode(Encoding::Plain)).await;
    let ledger = settled(&operator, 21).await;
    assert_eq!((ledger.stored, ledger.duplicate), (20, 1), "{ledger:?}");
    service.finish().await;
}

#[tokio::test]
async fn secrets_on_the_disk_are_their_owners_alone() {
    let service = Setup::new().start().await;
    assert_eq!(mode(&service.data_dir()), 0o700);
    assert_eq!(mode(&service.data("admin-key")), 0o600);
    assert_eq!(mode(&service.data("tls/self-signed.key")), 0o600);
    let key = service.admin_key();
    let said = [service.log().all(), service.output().all()].concat().join("\n");
    assert!(said.contains("admin-key"), "the key's place is told: {said}");
    assert!(!said.contains(&key), "the key itself is never told: {said}");
    service.finish().await;
}

#[tokio::test]
async fn a_first_start_says_what_to_type_next_and_later_starts_do_not() {
    let mut service = Setup::new().start().await;
    tlsrpt_tests::until("the welcome", async || {
        let output = service.output().all().join("\n");
        if output.contains("tlsrpt is ready") && output.contains("/admin/v1/tenants") { Ok(()) } else { Err(output) }
    })
    .await;
    service.operator().tenant("acme", &["example.com"]).await;
    service.stop().await;
    service.start_again().await;
    assert_eq!(service.output().all(), Vec::<String>::new());
    service.finish().await;
}
