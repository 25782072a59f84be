//! What tenants are told: noted once, delivered by one at a time, seen by nobody else.

use tlsrpt_record::TenantId;
use tlsrpt_report::UnixMillis;
use tlsrpt_store::{Delivery, DeliveryState, NoticeChannel, NoticeRecord, Store};

use crate::support::{client, config, noon, store, store_in, tenant};

fn record(key: u128, at: UnixMillis) -> NoticeRecord {
    NoticeRecord {
        key,
        kind: "at-risk".to_owned(),
        domain: "example.com".to_owned(),
        subject: String::new(),
        episode: 0,
        since: None,
        opened_at: at,
        closed_at: None,
        is_told: true,
        summary: "Something.".to_owned(),
        look_first: "Look.".to_owned(),
    }
}

fn delivery(tenant: &TenantId, key: u128, at: UnixMillis) -> Delivery {
    Delivery {
        tenant: tenant.clone(),
        key,
        channel: NoticeChannel::Webhook,
        is_urgent: false,
        state: DeliveryState::Pending,
        attempts: 0,
        created_at: at,
        next_at: at,
        first_tried_at: None,
        tried_at: None,
        error: String::new(),
    }
}

/// A notice that is due to acme.
async fn with_one_due(store: &Store, key: u128) -> TenantId {
    let acme = tenant("acme");
    store.save_deliveries(&[delivery(&acme, key, noon(0))], noon(0)).await.unwrap();
    store.note_conditions(&acme, &[record(key, noon(0))]).await.unwrap();
    acme
}

#[tokio::test]
async fn a_delivery_is_claimed_by_one_and_is_due_again_when_whoever_claimed_it_is_gone() {
    let store = store().await;
    let acme = with_one_due(&store, 1 << 127 | 7).await;
    let due = async |at: UnixMillis| store.due_deliveries(at, Vec::new(), Vec::new(), 10).await.unwrap();
    // Two look at once.
    let (first, second) = (due(noon(0)).await, due(noon(0)).await);
    assert_eq!((first.len(), &first), (1, &second));
    let until = UnixMillis(noon(0).0 + 60_000);
    let ours = store.claim_deliveries(&acme, first, noon(0), until).await.unwrap();
    let theirs = store.claim_deliveries(&acme, second, UnixMillis(noon(0).0 + 1), until).await.unwrap();
    assert_eq!((ours.len(), theirs.len()), (1, 0));
    assert!(due(noon(0)).await.is_empty(), "while it is claimed nobody takes it");
    let again = due(until).await;
    assert_eq!(again[0].delivery.attempts, 1);
    let mut done = store.claim_deliveries(&acme, again, until, noon(1)).await.unwrap().remove(0).delivery;
    done.state = DeliveryState::Delivered;
    store.save_deliveries(&[done], until).await.unwrap();
    // Whoever claimed it first and comes back late changes nothing.
    let mut late = ours[0].delivery.clone();
    late.error = "late".to_owned();
    store.save_deliveries(&[late], noon(2)).await.unwrap();
    assert!(due(noon(3)).await.is_empty());
    let (list, _) = store.tenant(acme).notices(10, None).await.unwrap();
    assert_eq!((list[0].deliveries[0].state, list[0].deliveries[0].attempts), (DeliveryState::Delivered, 2));
}

#[tokio::test]
async fn quiet_tenants_are_left_out_but_for_what_is_urgent() {
    let store = store().await;
    let acme = with_one_due(&store, 7).await;
    let urgent = Delivery { is_urgent: true, ..delivery(&acme, 8, noon(0)) };
    store.save_deliveries(&[urgent], noon(0)).await.unwrap();
    store.note_conditions(&acme, &[record(8, noon(0))]).await.unwrap();
    let due = async |quiet: &[&str], urgent_only: &[&str]| {
        let names = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect();
        let due = store.due_deliveries(noon(1), names(quiet), names(urgent_only), 10).await.unwrap();
        due.into_iter().map(|one| one.delivery.key).collect::<Vec<_>>()
    };
    assert_eq!(due(&["beta"], &["beta"]).await, [7, 8]);
    assert_eq!(due(&[], &["acme"]).await, [8]);
    assert!(due(&["acme"], &[]).await.is_empty());
}

#[tokio::test]
async fn the_end_of_a_condition_counts_whenever_it_is_noted() {
    let store = store().await;
    let acme = with_one_due(&store, 7).await;
    store.note_conditions(&acme, &[NoticeRecord { closed_at: Some(noon(1)), ..record(7, noon(0)) }]).await.unwrap();
    store.note_conditions(&acme, &[record(7, noon(2))]).await.unwrap();
    let known = store.tenant(acme).conditions().await.unwrap();
    assert_eq!((known.len(), known[0].opened_at, known[0].closed_at), (1, noon(0), Some(noon(1))));
}

#[tokio::test]
async fn what_one_tenant_is_told_no_other_sees_and_an_erasure_leaves_nothing_of_it() {
    let config = config();
    let store = store_in(&config).await;
    let acme = with_one_due(&store, 7).await;
    let beta = tenant("beta");
    assert!(store.tenant(beta.clone()).notices(10, None).await.unwrap().0.is_empty());
    // A statement that forgets the tenant.
    let walled = |settings: Vec<(&'static str, String)>| {
        settings.into_iter().fold(client(&config), |client, (name, value)| client.with_setting(name, value))
    };
    for (table, own) in [("notices", 1), ("notice_deliveries", 1)] {
        for (who, rows) in [(&acme, own), (&beta, 0)] {
            let sql = format!("SELECT count() FROM {table} FINAL");
            let seen: u64 = walled(store.tenant(who.clone()).settings()).query(&sql).fetch_one().await.unwrap();
            assert_eq!(seen, rows, "{table} {who}");
        }
    }
    assert_eq!(store.erase_notices(&beta).await.unwrap(), 0);
    assert_eq!(store.erase_notices(&acme).await.unwrap(), 2);
    assert_eq!(store.notices_left(&acme).await.unwrap(), 0);
}
