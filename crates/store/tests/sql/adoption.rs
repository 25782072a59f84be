//! Rows that nobody owned move to the tenant that registers their domain.

use tlsrpt_report::{Domain, ResultType};
use tlsrpt_store::{FailureOrder, Fates, UnclaimedDomain};

use crate::support::{DAY, PolicyExt as _, all, client, config, figures, holding, insert, noon, policy, sent, store, tenant};

fn names(domains: &[&str]) -> Vec<String> {
    domains.iter().map(|&domain| domain.to_owned()).collect()
}

#[tokio::test]
async fn a_domain_s_whole_history_moves_to_its_owner_and_nothing_else_does() {
    let store = store().await;
    // More months than one block may hold, and a report without a day.
    let history: Vec<_> = (0..120i32)
        .map(|month| {
            policy("", "example.com", u128::try_from(month).unwrap())
                .sessions(1, 1)
                .failure(ResultType::CertificateExpired, 1)
                .day(DAY.plus(-30 * month))
        })
        .chain([policy("", "example.com", 500).undated()])
        .collect();
    let others = vec![policy("", "example.org", 1), policy("", "", 2), policy("beta", "beta.example", 3)];
    insert(&store, &[sent(noon(0), 1, history), sent(noon(0), 2, others)]).await;
    assert_eq!(store.unclaimed_domains(None, 10).await.unwrap(), ["example.com", "example.org"]);
    assert_eq!(store.unclaimed_domains(Some("example.com"), 10).await.unwrap(), ["example.org"]);
    assert_eq!(store.unclaimed_domains(None, 1).await.unwrap(), ["example.com"]);

    let acme = tenant("acme");
    assert_eq!(store.adopt(&acme, &names(&["example.com", "unheard.example"])).await.unwrap(), 121);
    assert_eq!(figures(&store, "acme").await, (130, 120, 121));
    let failures = store.tenant(acme.clone()).failures(&all(), &[], FailureOrder::default()).await.unwrap();
    assert_eq!(failures[0].failed_sessions, 120, "failure details move along");
    assert_eq!(store.unclaimed_domains(None, 10).await.unwrap(), ["example.org"]);
    assert_eq!(store.adopt(&acme, &names(&["example.com"])).await.unwrap(), 0, "nothing is left to move");
    assert_eq!(figures(&store, "acme").await, (130, 120, 121));
    assert_eq!(figures(&store, "beta").await, (10, 0, 1));
}

#[tokio::test]
async fn adoption_turns_unclaimed_into_stored() {
    let store = store().await;
    insert(&store, &[sent(noon(0), 1, vec![policy("", "example.com", 1)]), sent(noon(1), 2, vec![policy("", "example.com", 1)])]).await;
    assert_eq!(store.fates(None, None).await.unwrap(), Fates { unclaimed: 1, duplicate: 1, ..Fates::default() });
    store.adopt(&tenant("acme"), &names(&["example.com"])).await.unwrap();
    assert_eq!(store.fates(None, None).await.unwrap(), Fates { stored: 1, duplicate: 1, ..Fates::default() });
}

#[tokio::test]
async fn a_row_that_arrives_unclaimed_after_an_adoption_is_adopted_by_the_next_and_counts_once() {
    let store = store().await;
    let acme = tenant("acme");
    let first = sent(noon(1), 1, vec![policy("", "example.com", 1).sessions(1, 0)]);
    insert(&store, std::slice::from_ref(&first)).await;
    store.adopt(&acme, &names(&["example.com"])).await.unwrap();
    // A redelivery, the same report received earlier by a normalizer with an old view, and one by a normalizer with the new view.
    let earlier = sent(noon(0), 2, vec![policy("", "example.com", 1).sessions(2, 0)]);
    let owned = sent(noon(2), 3, vec![policy("acme", "example.com", 1).sessions(4, 0)]);
    insert(&store, &[first]).await;
    insert(&store, &[earlier]).await;
    insert(&store, &[owned]).await;
    assert_eq!(store.unclaimed_domains(None, 10).await.unwrap(), ["example.com"]);
    store.adopt(&acme, &names(&["example.com"])).await.unwrap();
    assert_eq!(figures(&store, "acme").await, (2, 0, 1), "the earliest receipt counts");
    assert!(store.unclaimed_domains(None, 10).await.unwrap().is_empty());
    assert_eq!(store.fates(None, None).await.unwrap(), Fates { stored: 1, duplicate: 2, ..Fates::default() });
}

#[tokio::test]
async fn adoptions_beside_a_writer_lose_nothing_and_double_nothing() {
    let store = store().await;
    let acme = tenant("acme");
    let writer = {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 0..30u128 {
                // In no order of their keys: what arrives during a move is before its end as often as behind it.
                let key = |i: u128| (n * 100 + i).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
                insert(&store, &[sent(noon(0), n, (0..20).map(|i| policy("", "example.com", key(i))).collect())]).await;
            }
        })
    };
    while !writer.is_finished() {
        let (one, two) = (store.clone(), store.clone());
        let domains = names(&["example.com"]);
        let (one, two) = tokio::join!(one.adopt(&acme, &domains), two.adopt(&acme, &domains));
        one.unwrap();
        two.unwrap();
    }
    writer.await.unwrap();
    store.adopt(&acme, &names(&["example.com"])).await.unwrap();
    assert_eq!(figures(&store, "acme").await, (6000, 0, 600));
    assert!(store.unclaimed_domains(None, 10).await.unwrap().is_empty());
    assert_eq!(store.fates(None, None).await.unwrap(), Fates { stored: 30, ..Fates::default() });
}

#[tokio::test]
async fn merges_change_no_answer() {
    let config = config();
    let store = tlsrpt_store::Store::new(&config);
    crate::migrate(&config, &store).await;
    insert(&store, &[sent(noon(0), 1, vec![policy("", "example.com", 1)]), sent(noon(1), 2, vec![policy("", "example.org", 2)])]).await;
    insert(&store, &[sent(noon(2), 3, vec![policy("", "example.com", 1).sessions(99, 0)])]).await;
    store.adopt(&tenant("acme"), &names(&["example.com"])).await.unwrap();
    let answers = async || (figures(&store, "acme").await, store.fates(None, None).await.unwrap(), store.unclaimed(10).await.unwrap());
    let before = answers().await;
    for table in ["reports", "submissions"] {
        client(&config).query(&format!("OPTIMIZE TABLE {} FINAL", holding(table))).execute().await.unwrap();
    }
    assert_eq!(answers().await, before);
    assert_eq!(before.0, (10, 0, 1));
    assert_eq!(before.1, Fates { stored: 1, unclaimed: 1, duplicate: 1, ..Fates::default() });
    assert_eq!(before.2, [UnclaimedDomain { domain: "example.org".to_owned(), reports: 1, sessions: 10, first_seen: DAY, last_seen: DAY }]);
}

#[tokio::test]
async fn a_domains_history_goes_with_it_to_the_next_tenant_and_the_rest_stays() {
    let store = store().await;
    let (acme, beta) = (tenant("acme"), tenant("beta"));
    let of_acme = vec![
        policy("acme", "example.com", 1).sessions(1, 0),
        policy("acme", "mail.example.com", 2).sessions(2, 0),
        policy("acme", "notexample.com", 3).sessions(4, 0),
        policy("acme", "example.com.org", 4).sessions(8, 0),
    ];
    // The next owner had a report on it before, by a normalizer that was told first.
    let of_beta = vec![policy("beta", "beta.example", 5).sessions(16, 0), policy("beta", "example.com", 6).sessions(32, 0)];
    insert(&store, &[sent(noon(0), 1, of_acme), sent(noon(0), 2, of_beta)]).await;

    let domain = Domain::parse("example.com").unwrap();
    let domains = store.policy_domains(&acme, &domain).await.unwrap();
    assert_eq!(domains, ["example.com", "mail.example.com"]);
    assert_eq!(store.move_history(&acme, &beta, &domains).await.unwrap(), 2);
    assert_eq!(figures(&store, "acme").await, (12, 0, 2));
    assert_eq!(figures(&store, "beta").await, (51, 0, 4));
    assert_eq!(store.move_history(&acme, &beta, &domains).await.unwrap(), 0, "nothing is left to move");
    assert_eq!(store.policy_domains(&acme, &domain).await.unwrap(), Vec::<String>::new());
    assert_eq!(store.fates(None, None).await.unwrap(), Fates { stored: 2, ..Fates::default() });
}

#[tokio::test]
async fn moving_a_history_to_whoever_has_it_changes_nothing() {
    let store = store().await;
    insert(&store, &[sent(noon(0), 1, vec![policy("acme", "example.com", 1)])]).await;
    let before = figures(&store, "acme").await;
    assert_eq!(store.move_history(&tenant("acme"), &tenant("acme"), &names(&["example.com"])).await.unwrap(), 0);
    assert_eq!(figures(&store, "acme").await, before);
}
