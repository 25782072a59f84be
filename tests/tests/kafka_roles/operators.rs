//! Two operators at two query services.

use serde_json::json;
use tlsrpt_tests::{Encoding, Generator, Role, Size, settled, until};

use crate::parts::{Database, Kafka, Roles, broker, operator};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_operators_racing_for_a_domain_one_wins_for_ever_and_every_process_knows() {
    let database = Database::start().await;
    let kafka = Kafka::at(&broker().await.bootstrap());
    let mut roles = Roles::start(&kafka, &database, |setup| setup).await;
    let mut other = database.of(kafka.role(Role::Query)).start().await;
    for id in ["acme", "bolt"] {
        operator(&roles.query).tenant(id, &[]).await;
    }
    let mut winners = Vec::new();
    for round in 0..4 {
        let domain = format!("d{round}.example");
        let claim = async |of: tlsrpt_tests::Operator, id: &str| {
            of.post(&format!("/admin/v1/tenants/{id}/domains"), &json!({"domain": domain})).await.status
        };
        let (acme, bolt) = tokio::join!(claim(operator(&roles.query), "acme"), claim(operator(&other), "bolt"));
        let winner = match (acme, bolt) {
            (201, 409) => "acme",
            (409, 201) => "bolt",
            both => panic!("not exactly one winner of {domain}: {both:?}"),
        };
        winners.push((domain, winner));
    }
    roles.query.stop().await;
    other.stop().await;
    roles.query.start_again().await;
    other.start_again().await;
    for service in [&roles.query, &other] {
        for (domain, winner) in &winners {
            let domains = operator(service).json(&format!("/admin/v1/tenants/{winner}/domains")).await.to_string();
            assert!(domains.contains(domain.as_str()), "{winner} has {domain}: {domains}");
        }
    }

    // The normalizer knows the last claim too.
    let (domain, _) = winners.last().unwrap();
    until("a report is stored under its owner", async || {
        roles.edge.sender().send(Generator::new(rand::random()).report(domain, Size::Small).encode(Encoding::Gzip)).await;
        let ledger = tlsrpt_tests::caught_up(&roles.operator()).await;
        if ledger.stored > 0 { Ok(()) } else { Err(format!("{ledger:?}")) }
    })
    .await;
    let accepted = tlsrpt_tests::caught_up(&roles.operator()).await.accepted;
    settled(&roles.operator(), accepted).await;
    other.finish().await;
    roles.finish().await;
    database.stop().await;
}
