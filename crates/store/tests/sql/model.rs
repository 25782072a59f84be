//! Whatever happens in whatever order, the answers are those of a model that knows only which submission said what.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRng, TestRunner},
};
use tlsrpt_record::Outcome;
use tlsrpt_report::Trust;
use tlsrpt_store::{Fate, Fates};

use crate::support::{Sent, figures, insert, noon, policy, sent, store, tenant};

const DOMAINS: [&str; 3] = ["example.com", "example.net", "example.org"];

#[derive(Clone, Debug)]
enum Step {
    /// A new submission: day, reports with the domain's number, trust; no reports is a reject.
    New {
        day: i64,
        reports: Vec<(u128, usize)>,
        trust: Trust,
    },
    /// An earlier record once more, beside another.
    Redeliver(prop::sample::Index, prop::sample::Index),
    /// The newest outcome of an earlier submission once more, by the view of now.
    Replay(prop::sample::Index),
    /// The domain is registered; normalizers know at once, or only later.
    Register(usize),
    Adopt,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let trust = prop::sample::select(Trust::ALL.to_vec());
    let reports = prop::collection::vec((0u128..6, 0..DOMAINS.len()), 0..4);
    let step = prop_oneof![
        6 => (0i64..4, reports, trust).prop_map(|(day, reports, trust)| Step::New { day, reports, trust }),
        3 => (any::<prop::sample::Index>(), any::<prop::sample::Index>()).prop_map(|(a, b)| Step::Redeliver(a, b)),
        2 => any::<prop::sample::Index>().prop_map(Step::Replay),
        1 => (0..DOMAINS.len()).prop_map(Step::Register),
        2 => Just(Step::Adopt),
    ];
    prop::collection::vec(step, 5..40)
}

/// Who says what: submissions by number, with their reports.
#[derive(Default)]
struct Model {
    owners: BTreeMap<usize, ()>,
    submissions: Vec<(Sent, BTreeSet<(u128, usize)>)>,
}

impl Model {
    fn policies(&self, reports: &BTreeSet<(u128, usize)>) -> Vec<tlsrpt_record::PolicyRecord<'static>> {
        let owner = |domain| if self.owners.contains_key(&domain) { "acme" } else { "" };
        reports.iter().map(|&(report, domain)| policy(owner(domain), DOMAINS[domain], report * 10 + domain as u128)).collect()
    }

    /// Once every claimed row is adopted: the best verified, then the first received, has the row.
    fn fates(&self) -> (Fates, u64) {
        let mut winners: BTreeMap<(u128, usize), &Sent> = BTreeMap::new();
        for (sent, reports) in &self.submissions {
            for &report in reports {
                let better = |other: &&Sent| {
                    let rank = |sent: &Sent| (sent.outcome.trust, std::cmp::Reverse(sent.id().received_at()));
                    rank(sent) > rank(other)
                };
                if winners.get(&report).is_none_or(better) {
                    winners.insert(report, sent);
                }
            }
        }
        let mut fates = Fates::default();
        for (sent, reports) in &self.submissions {
            let won = |owned: bool| {
                winners.iter().any(|(&(_, domain), winner)| winner.id() == sent.id() && self.owners.contains_key(&domain) == owned)
            };
            match () {
                () if won(true) => fates.stored += 1,
                () if won(false) => fates.unclaimed += 1,
                () if reports.is_empty() => fates.rejected += 1,
                () => fates.duplicate += 1,
            }
        }
        let owned = winners.keys().filter(|(_, domain)| self.owners.contains_key(domain)).count();
        (fates, owned as u64)
    }
}

#[tokio::test]
async fn fates_add_up_and_every_report_counts_once_whatever_was_resent_replayed_or_adopted() {
    let config = Config { cases: 12, ..Config::default() };
    let rng = TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    for case in 0..12 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        run(case, &steps).await;
    }
}

async fn run(case: usize, steps: &[Step]) {
    let store = store().await;
    let acme = tenant("acme");
    let mut model = Model::default();
    let mut records: Vec<Sent> = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::New { day, reports, trust } => {
                let reports: BTreeSet<_> = reports.iter().copied().collect();
                // Receipts differ, so that the model need not know how a tie is broken.
                let at = tlsrpt_report::UnixMillis(noon(*day).0 + number as i64);
                let mut new = sent(at, number as u128, model.policies(&reports)).trust(*trust);
                if reports.is_empty() {
                    new = new.rejected("no-report");
                }
                insert(&store, std::slice::from_ref(&new)).await;
                records.push(new.clone());
                model.submissions.push((new, reports));
            }
            Step::Redeliver(a, b) if !records.is_empty() => {
                insert(&store, &[a.get(&records).clone(), b.get(&records).clone()]).await;
            }
            Step::Replay(which) if !records.is_empty() => {
                let (sent, reports) = which.get(&model.submissions);
                let mut again = sent.clone().replayed(60 + number as i64, model.policies(reports));
                if reports.is_empty() {
                    again = again.rejected("no-report");
                }
                insert(&store, std::slice::from_ref(&again)).await;
                records.push(again);
            }
            Step::Register(domain) => {
                model.owners.insert(*domain, ());
            }
            Step::Adopt => adopt(&store, &acme, &model).await,
            Step::Redeliver(..) | Step::Replay(_) => {}
        }
        let fates = store.fates(None, None).await.unwrap();
        let sum = fates.stored + fates.duplicate + fates.unclaimed + fates.rejected;
        assert_eq!(sum, model.submissions.len() as u64, "case {case}, after step {number} of {steps:#?}");
    }
    adopt(&store, &acme, &model).await;
    let (fates, owned) = model.fates();
    assert_eq!(store.fates(None, None).await.unwrap(), fates, "case {case}: {steps:#?}");
    assert_eq!(figures(&store, "acme").await.0, owned * 10, "case {case}: {steps:#?}");
    for (sent, _) in model.submissions.iter().take(3) {
        let reject = matches!(sent.outcome.outcome, Outcome::Rejected { .. });
        assert_eq!(store.submission(sent.id()).await.unwrap().unwrap().fate == Fate::Rejected, reject);
    }
}

async fn adopt(store: &tlsrpt_store::Store, acme: &tlsrpt_record::TenantId, model: &Model) {
    let domains: Vec<String> = model.owners.keys().map(|&domain| DOMAINS[domain].to_owned()).collect();
    store.adopt(acme, &domains).await.unwrap();
}
