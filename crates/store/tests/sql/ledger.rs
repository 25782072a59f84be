//! Fates, and the list of submissions.

use tlsrpt_record::Channel;
use tlsrpt_report::Trust;
use tlsrpt_store::{Fate, Fates, Store, SubmissionFilter};

use crate::support::{DAY, Sent, id, insert, noon, policy, sent, store};

/// One of each fate, a day apart from [`DAY`] on: stored, duplicate, unclaimed, rejected.
async fn one_of_each() -> (Store, [Sent; 4]) {
    let store = store().await;
    let all = [
        sent(noon(0), 1, vec![policy("acme", "example.com", 1)]),
        sent(noon(1), 2, vec![policy("acme", "example.com", 1)]),
        sent(noon(2), 3, vec![policy("", "example.net", 3)]),
        sent(noon(3), 4, vec![]).rejected("no-report"),
    ];
    insert(&store, &all).await;
    (store, all)
}

#[tokio::test]
async fn every_submission_has_one_fate_and_days_narrow_inclusively() {
    let (store, _) = one_of_each().await;
    let fates = async |from: Option<i32>, to: Option<i32>| {
        let fates = store.fates(from.map(|n| DAY.plus(n)), to.map(|n| DAY.plus(n))).await.unwrap();
        (fates.stored, fates.duplicate, fates.unclaimed, fates.rejected)
    };
    assert_eq!(fates(None, None).await, (1, 1, 1, 1));
    assert_eq!(fates(Some(0), Some(3)).await, (1, 1, 1, 1));
    assert_eq!(fates(Some(1), Some(2)).await, (0, 1, 1, 0));
    assert_eq!(fates(None, Some(0)).await, (1, 0, 0, 0));
    assert_eq!(fates(Some(3), None).await, (0, 0, 0, 1));
    assert_eq!(fates(Some(4), Some(400)).await, (0, 0, 0, 0));
}

#[tokio::test]
async fn a_submission_with_one_row_that_counts_is_stored_though_its_others_do_not() {
    let store = store().await;
    let first = sent(noon(0), 1, vec![policy("acme", "example.com", 1)]);
    let second = sent(noon(1), 2, vec![policy("acme", "example.com", 1), policy("", "example.net", 1), policy("beta", "example.org", 1)]);
    insert(&store, &[first, second]).await;
    assert_eq!(store.fates(None, None).await.unwrap(), Fates { stored: 2, ..Fates::default() });
}

#[tokio::test]
async fn a_better_verified_report_turns_the_one_before_it_into_a_duplicate() {
    let (store, sent_before) = one_of_each().await;
    let signed = sent(noon(9), 9, vec![policy("acme", "example.com", 1)]).trust(Trust::DkimAligned);
    insert(&store, std::slice::from_ref(&signed)).await;
    let fate = async |sent: &Sent| store.submission(sent.id()).await.unwrap().unwrap().fate;
    assert_eq!(fate(&sent_before[0]).await, Fate::Duplicate);
    assert_eq!(fate(&signed).await, Fate::Stored);
}

#[tokio::test]
async fn a_submission_is_found_by_its_id_alone_and_its_payload_is_as_received() {
    let (store, all) = one_of_each().await;
    let item = store.submission(all[3].id()).await.unwrap().unwrap();
    assert_eq!(
        serde_json::to_value(&item).unwrap(),
        serde_json::json!({
            "submission_id": all[3].id().to_string(), "received_at": "2026-05-16T12:00:00.000Z", "channel": "https", "address": "in-box",
            "remote_ip": "198.51.100.7", "content_type": "application/tlsrpt+gzip", "trust": "none",
            "sender": null, "subject": null, "envelope": null, "authentication": null, "signer": null, "deferred": null,
            "payload_bytes": all[3].payload.len(), "fate": "rejected", "reason": "no-report", "detail": "nothing countable",
            "report_keys": [],
        })
    );
    assert_eq!(store.submission(all[0].id()).await.unwrap().unwrap().report_keys.len(), 1);
    let raw = store.submission_raw(all[0].id()).await.unwrap().unwrap();
    assert_eq!((raw.id, raw.channel, raw.trust, raw.replay), (all[0].id(), Channel::Https, Trust::None, true));
    assert_eq!(raw.address.as_deref(), Some("in-box"));
    assert_eq!(raw.remote_ip, Some("198.51.100.7".parse().unwrap()));
    assert_eq!(raw.payload, all[0].payload);
    assert!(store.submission(id(noon(0), 99)).await.unwrap().is_none());
    assert!(store.submission_raw(id(noon(0), 99)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_payload_of_any_bytes_comes_back_as_it_was() {
    let store = store().await;
    let mut one = sent(noon(0), 1, vec![]).rejected("unknown-form");
    one.payload = (0..=255u8).cycle().take(700_000).collect();
    insert(&store, std::slice::from_ref(&one)).await;
    assert_eq!(store.submission_raw(one.id()).await.unwrap().unwrap().payload, one.payload);
}

#[tokio::test]
async fn the_list_of_submissions_pages_newest_first_by_fate_and_reason() {
    let store = store().await;
    let mut all = Vec::new();
    for n in 0..40u128 {
        // Days apart, and some at one moment.
        let at = noon(i64::try_from(n / 2).unwrap());
        all.push(match n % 4 {
            0 => sent(at, n, vec![policy("acme", "example.com", n)]),
            1 => sent(at, n, vec![]).rejected("no-report"),
            2 => sent(at, n, vec![policy("", "example.net", n)]),
            _ => sent(at, n, vec![]).rejected("not-json"),
        });
    }
    insert(&store, &all).await;
    let walk = async |fate: Option<Fate>, reason: Option<&str>| {
        let filter = SubmissionFilter { fate, reason: reason.map(str::to_owned), channel: None };
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let (page, next) = store.submissions(&filter, 3, cursor.as_deref()).await.unwrap();
            assert!(page.len() <= 3 && (next.is_none() || page.len() == 3));
            assert!(fate.is_none_or(|fate| page.iter().all(|item| item.fate == fate)));
            seen.extend(page);
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        assert!(seen.windows(2).all(|pair| pair[0].received_at >= pair[1].received_at), "newest first");
        let mut ids: Vec<_> = seen.iter().map(|item| item.submission_id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), seen.len(), "no entry twice");
        seen.len()
    };
    assert_eq!(walk(None, None).await, 40);
    assert_eq!(walk(Some(Fate::Stored), None).await, 10);
    assert_eq!(walk(Some(Fate::Unclaimed), None).await, 10);
    assert_eq!(walk(Some(Fate::Rejected), None).await, 20);
    assert_eq!(walk(Some(Fate::Duplicate), None).await, 0);
    assert_eq!(walk(None, Some("not-json")).await, 10);
    assert_eq!(walk(Some(Fate::Rejected), Some("no-report")).await, 10);
    assert_eq!(walk(Some(Fate::Stored), Some("no-report")).await, 0);
    let error = store.submissions(&SubmissionFilter::default(), 3, Some("x")).await.unwrap_err();
    assert!(matches!(error, tlsrpt_store::StoreError::Cursor));
}
