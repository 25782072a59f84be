//! Several registries over one log, as several processes have them.

use std::sync::Arc;

use tlsrpt_registry::{CommandError, NewKey, Onboarding, Registry};
use tlsrpt_report::Domain;

use crate::harness::{Fixture, RACES, domain, opens, tenant};

async fn until(what: &str, condition: impl Fn() -> bool) {
    let waited = tokio::time::timeout(std::time::Duration::from_secs(30), async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_racing_claims_of_one_domain_exactly_one_wins_and_wins_for_ever() {
    let fixture = Fixture::new().await;
    let other = Registry::open(fixture.log.clone()).await.unwrap();
    for id in ["acme", "bolt"] {
        fixture.registry.create_tenant(tenant(id), id.to_owned()).await.unwrap();
    }
    let names: Vec<Domain> = (0..RACES).map(|round| domain(&format!("d{round}.example"))).collect();
    let mut winners = Vec::new();
    for name in &names {
        let claim = |registry: &Arc<Registry>, id: &str| {
            let (registry, id, name) = (Arc::clone(registry), tenant(id), name.clone());
            tokio::spawn(async move { registry.claim_domain(&id, name).await })
        };
        let (a, b) = (claim(&fixture.registry, "acme"), claim(&other, "bolt"));
        let winner = match (a.await.unwrap(), b.await.unwrap()) {
            (Ok(_), Err(CommandError::DomainTaken { .. })) => tenant("acme"),
            (Err(CommandError::DomainTaken { .. }), Ok(_)) => tenant("bolt"),
            outcome => panic!("not exactly one winner of {name}: {outcome:?}"),
        };
        winners.push(Some(winner));
    }
    let owners = |registry: &Registry| names.iter().map(|name| registry.owner_of(name)).collect::<Vec<_>>();
    until("both views agree", || owners(&fixture.registry) == winners && owners(&other) == winners).await;

    drop(other);
    let fixture = fixture.restart().await;
    assert_eq!(owners(&fixture.registry), winners, "rebuilt from the topic");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_batches_that_race_for_the_same_domains_each_domain_has_one_winner() {
    let fixture = Fixture::new().await;
    let other = Registry::open(fixture.log.clone()).await.unwrap();
    let bring = |id: &str| -> Vec<Onboarding> {
        let name = |d: usize| domain(&format!("d{d}.example"));
        let line = |d| Onboarding { tenant: tenant(id), name: Some(id.to_owned()), domains: vec![name(d)], keys: Vec::new() };
        (0..200).map(line).collect()
    };
    let (acme, bolt) = (bring("acme"), bring("bolt"));
    let (of_acme, of_bolt) = tokio::join!(fixture.registry.onboard(&acme), other.onboard(&bolt));
    let won = |outcomes: &[Result<_, CommandError>]| outcomes.iter().map(Result::is_ok).collect::<Vec<_>>();
    let (of_acme, of_bolt) = (won(&of_acme.unwrap()), won(&of_bolt.unwrap()));
    let owners = |registry: &Registry| (0..200).map(|d| registry.owner_of(&domain(&format!("d{d}.example")))).collect::<Vec<_>>();
    let expected: Vec<_> = of_acme.iter().map(|&acme| Some(tenant(if acme { "acme" } else { "bolt" }))).collect();
    assert!(of_acme.iter().zip(&of_bolt).all(|(acme, bolt)| acme != bolt), "each domain has one winner");
    until("both views agree", || owners(&fixture.registry) == expected && owners(&other) == expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_fence_each_other_out_all_get_their_changes_made() {
    let fixture = Fixture::new().await;
    let acme = tenant("acme");
    fixture.registry.create_tenant(acme.clone(), "Acme".to_owned()).await.unwrap();
    let claims = (0..4).map(|process| {
        let (log, acme) = (fixture.log.clone(), acme.clone());
        tokio::spawn(async move {
            let registry = Registry::open(log).await.unwrap();
            for round in 0..3 {
                registry.claim_domain(&acme, domain(&format!("d{round}.p{process}.example"))).await.unwrap();
            }
        })
    });
    for claimed in claims.collect::<Vec<_>>() {
        claimed.await.unwrap();
    }
    until("all of them are seen", || fixture.registry.domains(&acme).len() == 12).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_that_changed_hands_many_times_belongs_to_the_last_after_compaction_and_a_restart() {
    let fixture = Fixture::new().await;
    let ids = [tenant("acme"), tenant("bolt")];
    for id in &ids {
        fixture.registry.create_tenant(id.clone(), "Name".to_owned()).await.unwrap();
    }
    let (busy, left) = (domain("busy.example"), domain("left.example"));
    for round in 0..RACES {
        let id = &ids[round % 2];
        fixture.registry.claim_domain(id, busy.clone()).await.unwrap();
        fixture.registry.claim_domain(id, left.clone()).await.unwrap();
        fixture.registry.release_domain(id, &busy).await.unwrap();
        fixture.registry.release_domain(id, &left).await.unwrap();
    }
    fixture.registry.claim_domain(&ids[1], busy.clone()).await.unwrap();
    // The last record of the topic is a tombstone, which compaction drops.
    fixture.registry.claim_domain(&ids[0], left.clone()).await.unwrap();
    fixture.registry.release_domain(&ids[0], &left).await.unwrap();
    let mut fixture = fixture;
    for _ in 0..2 {
        fixture = fixture.restart().await;
        assert_eq!(fixture.registry.owner_of(&busy), Some(ids[1].clone()));
        assert_eq!(fixture.registry.owner_of(&left), None);
    }
    fixture.registry.claim_domain(&ids[0], left).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_changes_every_other_sees() {
    let fixture = Fixture::new().await;
    let other = Registry::open(fixture.log.clone()).await.unwrap();
    let acme = tenant("acme");
    let created = fixture.registry.create_tenant(acme.clone(), "Acme".to_owned()).await.unwrap();
    until("the tenant arrives", || other.tenant(&acme).as_ref() == Some(&created)).await;
    // A command reads to the end first, so it needs no waiting.
    other.claim_domain(&acme, domain("a.example")).await.unwrap();
    let (_, secret) = fixture.registry.create_key(&acme, NewKey::named("ci")).await.unwrap();
    until("the key arrives", || opens(&other, &secret).is_some()).await;
    until("the domain arrives", || fixture.registry.owner_of(&domain("a.example")).is_some()).await;
    fixture.registry.delete_tenant(&acme).await.unwrap();
    until("the tenant goes", || other.tenant(&acme).is_none() && other.owner_of(&domain("a.example")).is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_its_caller_gave_up_leaves_the_registry_usable() {
    let fixture = Fixture::new().await;
    let acme = tenant("acme");
    fixture.registry.create_tenant(acme.clone(), "Acme".to_owned()).await.unwrap();
    for round in 0..50 {
        let name = domain(&format!("d{round}.example"));
        let claim = tokio::spawn({
            let (registry, acme, name) = (Arc::clone(&fixture.registry), acme.clone(), name.clone());
            async move { registry.claim_domain(&acme, name).await }
        });
        for _ in 0..round % 7 {
            tokio::task::yield_now().await;
        }
        claim.abort();
        let _ = claim.await;
        fixture.registry.claim_domain(&acme, name.clone()).await.unwrap();
        assert_eq!(fixture.registry.owner_of(&name), Some(acme.clone()));
    }
}

#[tokio::test]
async fn dropping_the_registry_stops_its_follower() {
    let fixture = Fixture::new().await;
    let log = fixture.log.clone();
    let before = Arc::strong_count(&log);
    let registry = Registry::open(log.clone()).await.unwrap();
    assert!(Arc::strong_count(&log) > before);
    drop(registry);
    until("the log is let go", || Arc::strong_count(&log) == before).await;
}
