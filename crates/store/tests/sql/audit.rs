//! The audit log.

use tlsrpt_record::{ActorKind, AuditEntry};
use tlsrpt_report::UnixMillis;
use tlsrpt_store::{AuditFilter, AuditItem, StoreError};

use crate::support::{DAY, client, config, holding, id, noon, store, store_in};

fn entry(at: UnixMillis, n: u128, status: Option<u16>) -> AuditEntry<'static> {
    AuditEntry {
        id: id(at, n).0,
        at,
        actor_kind: ActorKind::Operator,
        actor_id: "admin",
        tenant: "acme",
        action: "domain.claim",
        target: if status.is_some() { "a.example" } else { "" },
        status,
        request_id: "r",
        remote_ip: Some("192.0.2.7".parse().unwrap()),
    }
}

fn ids(items: &[AuditItem]) -> Vec<u128> {
    items.iter().map(|item| item.id.as_u128() & 0xffff_ffff).collect()
}

#[tokio::test]
async fn what_was_done_is_listed_once_with_its_outcome_however_often_its_entries_come() {
    let store = store().await;
    let (tried, done, lost) = (entry(noon(0), 1, None), entry(noon(0), 1, Some(201)), entry(noon(1), 2, None));
    store.insert_audit(std::slice::from_ref(&tried)).await.unwrap();
    let (items, _) = store.audit(&AuditFilter::default(), 10, None).await.unwrap();
    assert_eq!((items.len(), items[0].status), (1, None));
    for _ in 0..2 {
        store.insert_audit(&[done.clone(), tried.clone(), lost.clone()]).await.unwrap();
    }
    let (items, next) = store.audit(&AuditFilter::default(), 10, None).await.unwrap();
    assert_eq!((ids(&items), next), (vec![2, 1], None));
    assert_eq!((items[0].status, items[1].status, items[1].target.as_deref()), (None, Some(201), Some("a.example")));
    assert_eq!((items[1].actor.kind.as_str(), items[1].actor.id.as_deref()), ("operator", Some("admin")));
    assert_eq!((items[1].at.as_str(), items[1].remote_ip.as_deref()), ("2026-05-13T12:00:00.000Z", Some("192.0.2.7")));
}

#[tokio::test]
async fn pages_go_back_in_time_and_neither_repeat_nor_skip_an_entry() {
    let store = store().await;
    // Several in one millisecond, too.
    let all: Vec<_> = (0..40).map(|n| entry(noon(i64::try_from(n / 4).unwrap()), n, Some(200))).collect();
    store.insert_audit(&all).await.unwrap();
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let (page, next) = store.audit(&AuditFilter::default(), 7, cursor.as_deref()).await.unwrap();
        seen.extend(ids(&page));
        // What comes meanwhile is newer.
        store.insert_audit(&[entry(noon(100), 100 + seen.len() as u128, Some(200))]).await.unwrap();
        match next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    let days: Vec<_> = seen.iter().map(|n| n / 4).collect();
    assert!(days.is_sorted_by(|a, b| a >= b), "{seen:?}");
    seen.sort_unstable();
    assert_eq!(seen, (0..40).collect::<Vec<_>>());
    assert!(matches!(store.audit(&AuditFilter::default(), 7, Some("made-up")).await, Err(StoreError::Cursor)));
}

#[tokio::test]
async fn a_list_is_narrowed_by_days_key_tenant_and_action() {
    let store = store().await;
    let other =
        AuditEntry { actor_kind: ActorKind::Tenant, actor_id: "k", tenant: "bolt", action: "report.raw", ..entry(noon(1), 2, Some(404)) };
    store.insert_audit(&[entry(noon(0), 1, Some(201)), other, entry(noon(2), 3, Some(409))]).await.unwrap();
    let check = async |filter: AuditFilter, expected: &[u128]| {
        let (items, _) = store.audit(&filter, 10, None).await.unwrap();
        assert_eq!(ids(&items), expected, "{filter:?}");
    };
    let text = |text: &str| Some(text.to_owned());
    check(AuditFilter { from: Some(DAY.plus(1)), ..AuditFilter::default() }, &[3, 2]).await;
    check(AuditFilter { to: Some(DAY.plus(1)), ..AuditFilter::default() }, &[2, 1]).await;
    check(AuditFilter { from: Some(DAY.plus(1)), to: Some(DAY.plus(1)), ..AuditFilter::default() }, &[2]).await;
    check(AuditFilter { actor: text("admin"), ..AuditFilter::default() }, &[3, 1]).await;
    check(AuditFilter { tenant: text("bolt"), ..AuditFilter::default() }, &[2]).await;
    check(AuditFilter { action: text("domain.claim"), actor: text("k"), ..AuditFilter::default() }, &[]).await;
    check(AuditFilter { action: text("report.raw' OR '1'='1"), ..AuditFilter::default() }, &[]).await;
}

#[tokio::test]
async fn entries_are_kept_as_long_as_is_set_and_setting_it_again_changes_nothing() {
    if crate::cluster().is_some() {
        // MODIFY TTL goes to every server of a cluster by its Keeper, which there is none of here.
        return;
    }
    let config = config();
    let store = store_in(&config).await;
    let created = async || -> String {
        client(&config)
            .query("SELECT create_table_query FROM system.tables WHERE database = ? AND name = ?")
            .bind(&config.database)
            .bind(holding("audit"))
            .fetch_one()
            .await
            .unwrap()
    };
    assert!(created().await.contains("toIntervalDay(1826)"), "{}", created().await);
    for _ in 0..2 {
        store.keep_audit(30).await.unwrap();
        assert!(created().await.contains("TTL toDateTime(at) + toIntervalDay(30)"), "{}", created().await);
    }
}
