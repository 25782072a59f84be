//! How much a big registry costs.

use tlsrpt_log::{Log, Record};
use tlsrpt_record::REGISTRY;
use tlsrpt_registry::Registry;

use crate::harness::{Fixture, domain, tenant};

fn resident_bytes() -> usize {
    let pages: usize = std::fs::read_to_string("/proc/self/statm").unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// Prints its figures; run it alone and optimised: `cargo test --release -p tlsrpt-registry million -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes a million records"]
async fn a_million_domains_fit_in_300_mb_and_each_has_its_owner() {
    const TENANTS: usize = 10_000;
    const DOMAINS: usize = 1_000_000;
    let fixture = Fixture::new().await;
    let mut writer = fixture.log.fenced_writer(REGISTRY.name, "size").await.unwrap();
    let record = |key: String, value: String| Record { key: Some(key.into()), value: value.into(), headers: Vec::new() };
    let tenants = (0..TENANTS)
        .map(|t| record(format!("tenant/t{t}"), format!(r#"{{"state":"live","name":"T","address":"{t:026}","created_at":1}}"#)));
    writer.append(tenants.collect()).await.unwrap();
    for from in (0..DOMAINS).step_by(10_000) {
        let claims = (from..from + 10_000)
            .map(|d| record(format!("domain/customer{d}.example"), format!(r#"{{"tenant":"t{}","claimed_at":1}}"#, d % TENANTS)));
        writer.append(claims.collect()).await.unwrap();
    }
    let log = fixture.log.clone();
    drop(fixture.registry);

    let (before, started) = (resident_bytes(), std::time::Instant::now());
    let registry = Registry::open(log).await.unwrap();
    let grown = resident_bytes().saturating_sub(before);
    println!("{DOMAINS} domains: rebuilt in {:?}, {} MB more resident", started.elapsed(), grown >> 20);
    assert!(grown < 300 << 20, "{grown} bytes");
    for d in (0..DOMAINS).step_by(997) {
        let name = domain(&format!("mx.customer{d}.example"));
        assert_eq!(registry.owner_of(&name), Some(tenant(&format!("t{}", d % TENANTS))));
    }
    let names: Vec<_> = (0..1_000).map(|d| domain(&format!("a.mx.customer{d}.example"))).collect();
    let started = std::time::Instant::now();
    let found = (0..1_000).flat_map(|_| &names).filter(|name| registry.owner_of(name).is_some()).count();
    println!("{found} look-ups two labels down: {:?} each", started.elapsed() / u32::try_from(found).unwrap());
}
