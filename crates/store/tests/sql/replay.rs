//! A submission that is sent through again replaces what it led to before.

use tlsrpt_report::Trust;
use tlsrpt_store::{Fate, Fates};

use crate::support::{figures, insert, noon, policy, sent, store};

#[tokio::test]
async fn a_replay_takes_back_rows_that_it_no_longer_leads_to() {
    let store = store().await;
    let before = sent(noon(0), 1, vec![policy("acme", "example.com", 1), policy("acme", "example.org", 1)]);
    insert(&store, &[before.clone(), sent(noon(0), 2, vec![policy("acme", "example.net", 2)])]).await;
    assert_eq!(figures(&store, "acme").await.0, 30);
    // The domain is beta's now, and one policy is gone.
    let after = before.clone().replayed(60, vec![policy("beta", "example.com", 1)]);
    insert(&store, std::slice::from_ref(&after)).await;
    assert_eq!(figures(&store, "acme").await.0, 10);
    assert_eq!(figures(&store, "beta").await.0, 10);
    // Neither a redelivery of the replay nor a late one of what was before changes that.
    insert(&store, &[after]).await;
    insert(&store, &[before]).await;
    assert_eq!((figures(&store, "beta").await.0, store.fates(None, None).await.unwrap()), (10, Fates { stored: 2, ..Fates::default() }));
    assert_eq!(figures(&store, "acme").await.0, 10);
}

#[tokio::test]
async fn a_row_that_another_submission_won_meanwhile_survives_the_loser_s_replay() {
    let store = store().await;
    let forged = sent(noon(0), 1, vec![policy("acme", "example.com", 1)]);
    let signed = sent(noon(1), 2, vec![policy("acme", "example.com", 1)]).trust(Trust::DkimAligned);
    insert(&store, &[forged.clone(), signed.clone()]).await;
    insert(&store, &[forged.clone().replayed(60, vec![])]).await;
    assert_eq!(figures(&store, "acme").await, (10, 0, 1));
    assert_eq!(store.submission(signed.id()).await.unwrap().unwrap().fate, Fate::Stored);
    assert_eq!(store.submission(forged.id()).await.unwrap().unwrap().fate, Fate::Duplicate);
}

#[tokio::test]
async fn a_reject_that_is_replayed_with_success_is_stored_and_the_other_way_round() {
    let store = store().await;
    let reject = sent(noon(0), 1, vec![]).rejected("not-json");
    let good = sent(noon(0), 2, vec![policy("acme", "example.org", 2)]);
    insert(&store, &[reject.clone(), good.clone()]).await;
    let now_good = reject.clone().replayed(60, vec![policy("acme", "example.com", 1)]);
    let now_bad = good.replayed(60, vec![]).rejected("no-policy");
    insert(&store, &[now_good.clone(), now_bad.clone()]).await;
    // The record before the replay is delivered again.
    insert(&store, &[reject]).await;
    let item = store.submission(now_good.id()).await.unwrap().unwrap();
    assert_eq!((item.fate, item.reason), (Fate::Stored, None));
    let item = store.submission(now_bad.id()).await.unwrap().unwrap();
    assert_eq!((item.fate, item.reason.as_deref()), (Fate::Rejected, Some("no-policy")));
    assert_eq!(figures(&store, "acme").await, (10, 0, 1));
}

/// The replay's record came again after its row had moved, and took the owner's row back while the unclaimed one stayed dead.
#[tokio::test]
async fn a_replay_redelivered_after_its_row_was_adopted_leaves_the_owner_s_row() {
    let store = store().await;
    let before = sent(noon(0), 1, vec![policy("", "example.com", 1)]);
    let replay = before.clone().replayed(60, vec![policy("", "example.com", 1)]);
    let domains = ["example.com".to_owned()];
    let acme = crate::support::tenant("acme");
    insert(&store, std::slice::from_ref(&before)).await;
    store.adopt(&acme, &domains).await.unwrap();
    // Normalized with the view from before the registration: unclaimed until the next adoption.
    insert(&store, std::slice::from_ref(&replay)).await;
    assert_eq!(store.fates(None, None).await.unwrap(), Fates { unclaimed: 1, ..Fates::default() });
    store.adopt(&acme, &domains).await.unwrap();
    for record in [&replay, &before, &replay] {
        insert(&store, std::slice::from_ref(record)).await;
        assert_eq!(figures(&store, "acme").await, (10, 0, 1));
        assert_eq!(store.fates(None, None).await.unwrap(), Fates { stored: 1, ..Fates::default() });
    }
}
