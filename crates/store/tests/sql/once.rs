//! Every report counts once.

use tlsrpt_report::Trust;

use crate::support::{DAY, PolicyExt as _, figures, insert, noon, policy, sent, store, tenant};

#[tokio::test]
async fn a_report_that_comes_in_five_times_counts_once() {
    let store = store().await;
    let again = |n| sent(noon(i64::try_from(n).unwrap()), n, vec![policy("acme", "example.com", 1)]);
    insert(&store, &[again(0), again(1), again(2)]).await;
    insert(&store, &[again(3)]).await;
    insert(&store, &[again(4)]).await;
    assert_eq!(figures(&store, "acme").await, (10, 0, 1));
}

#[tokio::test]
async fn a_redelivered_batch_changes_nothing() {
    let store = store().await;
    let batch = [
        sent(noon(0), 1, vec![policy("acme", "example.com", 1), policy("beta", "example.org", 1)]),
        sent(noon(0), 2, vec![]).rejected("no-report"),
    ];
    insert(&store, &batch).await;
    let before = (figures(&store, "acme").await, store.fates(None, None).await.unwrap());
    insert(&store, &batch).await;
    insert(&store, &batch[..1]).await;
    assert_eq!((figures(&store, "acme").await, store.fates(None, None).await.unwrap()), before);
    assert_eq!(before.0, (10, 0, 1));
    assert_eq!((before.1.stored, before.1.rejected), (1, 1));
}

#[tokio::test]
async fn a_forged_report_neither_overwrites_nor_pre_empts_a_signed_one() {
    let store = store().await;
    let forged = |at, n| sent(noon(at), n, vec![policy("acme", "example.com", 1).sessions(0, 999)]);
    let signed = sent(noon(1), 2, vec![policy("acme", "example.com", 1).sessions(10, 3)]).trust(Trust::DkimAligned);
    insert(&store, &[forged(0, 1)]).await;
    assert_eq!(figures(&store, "acme").await, (0, 999, 1));
    insert(&store, &[signed]).await;
    assert_eq!(figures(&store, "acme").await, (10, 3, 1));
    insert(&store, &[forged(2, 3)]).await;
    assert_eq!(figures(&store, "acme").await, (10, 3, 1));
}

#[tokio::test]
async fn of_two_reports_with_equal_trust_the_first_received_stays_whatever_came_in_first() {
    let store = store().await;
    let early = sent(noon(0), 1, vec![policy("acme", "example.com", 1).sessions(1, 1)]);
    let late = sent(noon(1), 2, vec![policy("acme", "example.com", 1).sessions(2, 2)]);
    insert(&store, std::slice::from_ref(&late)).await;
    insert(&store, &[early]).await;
    insert(&store, &[late]).await;
    assert_eq!(figures(&store, "acme").await, (1, 1, 1));
}

#[tokio::test]
async fn a_report_without_dates_that_is_resent_the_next_day_counts_once_under_its_first_receipt_day() {
    let store = store().await;
    for day in [0, 1, 40] {
        insert(&store, &[sent(noon(day), u128::try_from(day).unwrap(), vec![policy("acme", "example.com", 1).undated()])]).await;
    }
    assert_eq!(figures(&store, "acme").await, (10, 0, 1));
    let domains = store.tenant(tenant("acme")).domains(&crate::support::all()).await.unwrap();
    assert_eq!(domains["example.com"].last_reported, Some(DAY));
}

#[tokio::test]
async fn a_report_over_domains_of_two_tenants_shows_each_its_own_rows() {
    let store = store().await;
    let shared = vec![
        policy("acme", "example.com", 1).sessions(5, 1),
        policy("beta", "example.org", 1).sessions(7, 2),
        policy("", "example.net", 1).sessions(100, 100),
    ];
    insert(&store, &[sent(noon(0), 1, shared)]).await;
    assert_eq!(figures(&store, "acme").await, (5, 1, 1));
    assert_eq!(figures(&store, "beta").await, (7, 2, 1));
    assert_eq!(figures(&store, "gamma").await, (0, 0, 0));
}

#[tokio::test]
async fn ten_years_of_months_go_in_with_one_batch() {
    let store = store().await;
    let months: Vec<_> = (0..130)
        .map(|month: i32| {
            let report = u128::try_from(month).unwrap();
            sent(noon(0), report, vec![policy("acme", "example.com", report).day(DAY.plus(-30 * month))])
        })
        .collect();
    insert(&store, &months).await;
    assert_eq!(figures(&store, "acme").await, (1300, 0, 130));
}

/// As an import of a mailbox brings them: each received in the month of its report.
#[tokio::test]
async fn sixty_months_of_receipts_go_in_with_one_batch_and_in_again_and_change_nothing() {
    let store = store().await;
    let months: Vec<_> = (1..=60)
        .map(|month| {
            let (days, report) = (-30 * month, u128::try_from(month).unwrap());
            let mut sent = sent(noon(i64::from(days) + 1), report, vec![policy("acme", "example.com", report).day(DAY.plus(days))]);
            sent.outcome.channel = tlsrpt_record::Channel::Import;
            sent
        })
        .collect();
    insert(&store, &months).await;
    let first = (figures(&store, "acme").await, store.fates(None, None).await.unwrap());
    assert_eq!((first.0, first.1.stored), ((600, 0, 60), 60));
    insert(&store, &months).await;
    assert_eq!((figures(&store, "acme").await, store.fates(None, None).await.unwrap()), first);
    // The days of receipt are those of then.
    let year = store.fates(Some(DAY.plus(-365)), Some(DAY)).await.unwrap();
    assert_eq!(year.stored, 12);
    // The reports came in again with a receipt of today's: the ones of then still count.
    let today: Vec<_> = months
        .iter()
        .enumerate()
        .map(|(n, sent)| {
            crate::support::sent(
                noon(0),
                1000 + n as u128,
                match &sent.outcome.outcome {
                    tlsrpt_record::Outcome::Stored(policies) => policies.clone(),
                    tlsrpt_record::Outcome::Rejected { .. } => Vec::new(),
                },
            )
        })
        .collect();
    insert(&store, &today).await;
    let fates = store.fates(None, None).await.unwrap();
    assert_eq!((figures(&store, "acme").await, fates.stored, fates.duplicate), ((600, 0, 60), 60, 60));
}

#[tokio::test]
async fn a_day_outside_every_sane_range_is_shown_under_the_receipt_day_and_makes_no_partition() {
    let config = crate::support::config();
    let store = tlsrpt_store::Store::new(&config);
    crate::migrate(&config, &store).await;
    let far = |n, days| sent(noon(0), n, vec![policy("acme", "example.com", n).day(DAY.plus(days))]);
    insert(&store, &[far(1, 40_000), far(2, -20_000), far(3, i32::MAX), far(4, i32::MIN), far(5, 0)]).await;
    assert_eq!(figures(&store, "acme").await, (50, 0, 5));
    let mut partitions: Vec<String> = crate::support::client(&config)
        .query("SELECT DISTINCT partition FROM system.parts WHERE database = ? AND table = ?")
        .bind(&config.database)
        .bind(crate::support::holding("reports"))
        .fetch_all()
        .await
        .unwrap();
    partitions.sort();
    assert_eq!(partitions, ["197001", "202605"]);
}
