//! The reckoning: every acknowledged submission is in the ledger exactly once, nothing foreign is, and each tenant's sums are
//! those of the distinct reports that arrived.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{
    client::{Caller, Operator},
    ledger::Ledger,
    reports::{Totals, wide_period},
    sent::{Said, Sent},
    submissions::all_submissions,
};

/// How many ask for acknowledged submissions at one time.
const ASKERS: usize = 8;

/// Misses by what they mean.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Misses {
    /// Acknowledged, and not there.
    pub lost: Vec<String>,
    /// There more than once.
    pub duplicate: Vec<String>,
    /// There, and never sent by anybody.
    pub foreign: Vec<String>,
}

/// Classes every miss among the `listed` entries, and answers what arrived. `payloads` are those of entries that were not
/// acknowledged: each must be something that was sent and not answered.
fn classify(sent: &Sent, listed: &[String], payloads: &BTreeMap<String, Vec<u8>>) -> (Misses, Vec<Said>) {
    let mut times: BTreeMap<&String, usize> = BTreeMap::new();
    for id in listed {
        *times.entry(id).or_default() += 1;
    }
    let mut misses = Misses {
        lost: sent.acknowledged.keys().filter(|id| !times.contains_key(id)).cloned().collect(),
        duplicate: times.iter().filter(|(_, times)| **times > 1).map(|(id, _)| (*id).clone()).collect(),
        foreign: Vec::new(),
    };
    let mut unanswered: HashMap<&[u8], Vec<Said>> = HashMap::new();
    for (payload, said) in &sent.unanswered {
        unanswered.entry(payload).or_default().push(*said);
    }
    let mut arrived = Vec::new();
    for id in times.into_keys() {
        let said = sent.acknowledged.get(id).copied();
        let said = said.or_else(|| payloads.get(id).and_then(|payload| unanswered.get_mut(payload.as_slice())?.pop()));
        match said {
            Some(said) => arrived.push(said),
            None => misses.foreign.push(id.clone()),
        }
    }
    (misses, arrived)
}

/// Reads the ledger's entries one by one; answers the misses, and what arrived.
pub async fn reckon(operator: &Operator, sent: &Sent) -> (Misses, Vec<Said>) {
    let listed: Vec<String> = all_submissions(operator).await.into_iter().map(|entry| entry.submission_id).collect();
    let mut payloads = BTreeMap::new();
    for id in listed.iter().filter(|id| !sent.acknowledged.contains_key(*id)) {
        payloads.insert(id.clone(), operator.get(&format!("/admin/v1/submissions/{id}/raw")).await.is(200).body.to_vec());
    }
    classify(sent, &listed, &payloads)
}

/// Acknowledged submissions that the operator cannot open one by one.
pub async fn unreadable(operator: &Operator, sent: &Sent) -> Vec<String> {
    let mut asking = tokio::task::JoinSet::new();
    for asker in 0..ASKERS {
        let (operator, ids) = (operator.clone(), sent.acknowledged.keys().skip(asker).step_by(ASKERS).cloned().collect::<Vec<_>>());
        asking.spawn(async move {
            let mut missing = Vec::new();
            for id in ids {
                if operator.get(&format!("/admin/v1/submissions/{id}")).await.status != 200 {
                    missing.push(id);
                }
            }
            missing
        });
    }
    asking.join_all().await.into_iter().flatten().collect()
}

/// What must be shown once `arrived` is through.
#[derive(Debug, PartialEq, Eq)]
pub struct Expected {
    /// The ledger.
    pub ledger: Ledger,
    /// Sums by tenant; none for what nobody owns.
    pub totals: BTreeMap<Option<&'static str>, Totals>,
}

impl Expected {
    /// What follows from what arrived, where `owner` says whose a domain is.
    pub fn of(sent: &Sent, arrived: &[Said], owner: impl Fn(&str) -> Option<&'static str>) -> Self {
        let distinct: BTreeSet<usize> =
            arrived.iter().filter_map(|said| if let Said::Report(number) = said { Some(*number) } else { None }).collect();
        let mut totals: BTreeMap<Option<&'static str>, Totals> = BTreeMap::new();
        for number in &distinct {
            let report = &sent.reports[*number];
            totals.entry(owner(&report.policies[0].domain)).or_default().add(report);
        }
        let unclaimed = totals.get(&None).map_or(0, |totals| totals.reports);
        let rejected = arrived.iter().filter(|said| **said == Said::Nothing).count() as u64;
        let stored = distinct.len() as u64 - unclaimed;
        let accepted = arrived.len() as u64;
        let duplicate = accepted - stored - unclaimed - rejected;
        Self { ledger: Ledger { accepted, stored, duplicate, unclaimed, rejected, pending: 0 }, totals }
    }
}

/// What a tenant is shown.
pub async fn shown(tenant: &Caller) -> Totals {
    Totals::of_summary(&tenant.json(&format!("/v1/summary?{}", wide_period())).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reckoning_tells_lost_duplicate_and_foreign_apart() {
        let mut sent = Sent::new(1, &["example.com"]);
        for (id, number) in [("kept", 0), ("lost", 1), ("twice", 2)] {
            sent.acknowledged.insert(id.to_owned(), Said::Report(number));
        }
        sent.unanswered.push((b"sent once".to_vec(), Said::Nothing));
        let listed = ["kept", "twice", "twice", "answer lost", "same again", "never sent"].map(str::to_owned);
        let payloads = [("answer lost", "sent once"), ("same again", "sent once"), ("never sent", "?")];
        let payloads = payloads.map(|(id, payload)| (id.to_owned(), payload.as_bytes().to_vec())).into();
        let (misses, arrived) = classify(&sent, &listed, &payloads);
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let expected = Misses { lost: ids(&["lost"]), duplicate: ids(&["twice"]), foreign: ids(&["never sent", "same again"]) };
        assert_eq!(misses, expected);
        assert_eq!(arrived, [Said::Nothing, Said::Report(0), Said::Report(2)]);
    }
}
