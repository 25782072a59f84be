//! How much a big registry costs.

use tlsrpt_log::{Log, Record};
use tlsrpt_record::REGISTRY;
use tlsrpt_registry::{NewKey, Onboarding, Registry};

use crate::harness::{Fixture, domain, now, tenant};

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

/// Prints what onboarding costs, and what the registry costs after it. Run it alone and optimised:
/// `cargo test --release -p tlsrpt-registry --test it hundred -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "brings in a hundred thousand tenants"]
async fn a_hundred_thousand_tenants_are_brought_in_and_each_key_opens_its_own() {
    const TENANTS: usize = 100_000;
    const LINES: usize = 1_000;
    let fixture = Fixture::new().await;
    let line = |t: usize| Onboarding {
        tenant: tenant(&format!("customer-{t}")),
        name: Some(format!("Customer {t}")),
        domains: vec![domain(&format!("customer{t}.example")), domain(&format!("customer{t}.test"))],
        keys: vec![NewKey::named("first")],
    };
    let mut secrets = Vec::new();
    let started = std::time::Instant::now();
    for from in (0..TENANTS).step_by(LINES) {
        let wanted: Vec<_> = (from..from + LINES).map(line).collect();
        let onboarded = fixture.registry.onboard(&wanted).await.unwrap();
        secrets.extend(onboarded.into_iter().map(|line| line.unwrap().new_keys.remove(0).1));
    }
    println!("{TENANTS} tenants with 2 domains and a key each, {LINES} a batch: {:?}", started.elapsed());
    let started = std::time::Instant::now();
    fixture.registry.claim_domain(&tenant("customer-7"), domain("one-more.example")).await.unwrap();
    println!("one command after them: {:?}", started.elapsed());

    let log = fixture.log.clone();
    drop(fixture.registry);
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let (before, started) = (resident_bytes(), std::time::Instant::now());
    let registry = Registry::open(log).await.unwrap();
    let grown = resident_bytes().saturating_sub(before);
    println!("opened in {:?}, {} MB more resident", started.elapsed(), grown >> 20);

    let (now, started) = (now(), std::time::Instant::now());
    let opened = secrets.iter().filter(|secret| registry.authenticate(secret, now).is_some()).count();
    println!("{opened} keys authenticated: {:?} each", started.elapsed() / u32::try_from(opened).unwrap());
    assert_eq!(opened, TENANTS);
    let names: Vec<_> = (0..TENANTS).map(|t| domain(&format!("mx.customer{t}.test"))).collect();
    let started = std::time::Instant::now();
    let found = names.iter().filter(|name| registry.owner_of(name).is_some()).count();
    println!("{found} owners found one label down: {:?} each", started.elapsed() / u32::try_from(found).unwrap());
    assert_eq!(found, TENANTS);
}
