//! `GET /v1/domains/{domain}/policies`: which MTA-STS policies reporters saw, from when to when.

use std::collections::BTreeMap;

use axum::Json;
use serde::Serialize;
use tlsrpt_report::{Day, Domain, PolicyMode};
use tlsrpt_store::{Filter, PolicyKind, SeenPolicy};
use utoipa::ToSchema;

use super::narrow::{Counted, DEFAULT_DAYS};
use crate::{
    auth::TenantKey,
    clock::today,
    config::QueryConfig,
    parameters::{Asked, FROM, FromParameters, Parameter, Parameters, TO},
    path_segments::Segments,
    period::period,
    problem::Problem,
    readiness::total,
};

pub(crate) struct Period {
    from: Day,
    to: Day,
}

impl FromParameters for Period {
    const PARAMETERS: &'static [Parameter] = &[FROM, TO];
    fn read(parameters: &Parameters, config: &QueryConfig) -> Result<Self, Problem> {
        let (from, to) = period(parameters, config, today(), DEFAULT_DAYS)?;
        Ok(Self { from, to })
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = SeenPolicyList)]
pub(crate) struct Answer {
    policies: Vec<Entry>,
}

/// What a report can tell of a policy; the order of its MX lines makes no difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[schema(as = PolicyAsSeen)]
struct Text {
    kind: PolicyKind,
    /// Null when the reports do not say.
    mode: Option<PolicyMode>,
    /// MX patterns, sorted; empty when the reports do not say.
    mx: Vec<String>,
    /// Seconds; null when the reports do not say.
    max_age: Option<u64>,
}

impl Text {
    /// Whether they differ in something that both tell: some reporters tell a part of the policy only.
    fn contradicts(&self, other: &Self) -> bool {
        let of_mx = !self.mx.is_empty() && !other.mx.is_empty() && self.mx != other.mx;
        of_mx || differ(self.mode, other.mode) || differ(self.max_age, other.max_age)
    }
}

fn differ<T: PartialEq>(a: Option<T>, b: Option<T>) -> bool {
    a.zip(b).is_some_and(|(a, b)| a != b)
}

/// A policy and who saw it.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SeenPolicy)]
struct Entry {
    #[serde(flatten)]
    text: Text,
    /// First reported day in the period.
    first_seen: Day,
    /// Last reported day in the period.
    last_seen: Day,
    /// Report documents.
    reports: u64,
    /// Sessions of both kinds, by the counting rule.
    sessions: u64,
    reporters: Vec<Sight>,
}

/// A reporter's sight of a policy.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PolicySight)]
struct Sight {
    /// Organisation; empty when the reports do not say.
    reporter: String,
    /// First reported day in the period.
    first_seen: Day,
    /// Last reported day in the period.
    last_seen: Day,
    /// Report documents.
    reports: u64,
    /// Sessions of both kinds, by the counting rule.
    sessions: u64,
    /// Whether it is the newest that this reporter saw.
    current: bool,
    /// Whether it is, and others see a newer one by now, which this reporter has not seen. A sender may go on with a policy until its
    /// `max_age` is over (RFC 8461 5.1).
    is_stale: bool,
}

pub(crate) async fn list(key: TenantKey, path: Segments, Asked(asked): Asked<Period>) -> Result<Json<Answer>, Problem> {
    let domain = path.read("domain", Domain::parse)?;
    key.must_own(&domain)?;
    let mut filter = Counted::of(Filter::period(asked.from, asked.to)).by(&key);
    filter.domains = vec![domain];
    Ok(Json(Answer { policies: grouped(key.queries.seen_policies(&filter).await?) }))
}

/// By policy, the one that came up last first.
fn grouped(seen: Vec<SeenPolicy>) -> Vec<Entry> {
    let mut texts: BTreeMap<Text, Vec<Sight>> = BTreeMap::new();
    for SeenPolicy { reporter, kind, mode, mx, max_age, first_seen, last_seen, reports, sessions } in seen {
        let sight = Sight { reporter, first_seen, last_seen, reports, sessions, current: false, is_stale: false };
        texts.entry(Text { kind, mode, mx, max_age }).or_default().push(sight);
    }
    let mut entries: Vec<Entry> = texts.into_iter().filter_map(|(text, sights)| entry(text, sights)).collect();
    mark_current(&mut entries);
    mark_stale(&mut entries);
    entries.sort_by(|a, b| (b.first_seen, b.last_seen).cmp(&(a.first_seen, a.last_seen)).then_with(|| a.text.cmp(&b.text)));
    entries
}

/// None without anybody who saw it.
fn entry(text: Text, reporters: Vec<Sight>) -> Option<Entry> {
    Some(Entry {
        text,
        first_seen: reporters.iter().map(|sight| sight.first_seen).min()?,
        last_seen: reporters.iter().map(|sight| sight.last_seen).max()?,
        reports: total(reporters.iter().map(|sight| sight.reports)),
        sessions: total(reporters.iter().map(|sight| sight.sessions)),
        reporters,
    })
}

/// Of each reporter's policies the one that it saw last; of two the one that it saw first later, then the one that came up later.
fn mark_current(entries: &mut [Entry]) {
    let mut newest: BTreeMap<String, (Day, Day, Day)> = BTreeMap::new();
    let rank = |first_seen: Day, sight: &Sight| (sight.last_seen, sight.first_seen, first_seen);
    for entry in entries.iter() {
        for sight in &entry.reporters {
            let rank = rank(entry.first_seen, sight);
            newest.entry(sight.reporter.clone()).and_modify(|best| *best = rank.max(*best)).or_insert(rank);
        }
    }
    for entry in entries {
        for sight in &mut entry.reporters {
            // Of two that are alike in all of this, one: the smaller text.
            if newest.get(&sight.reporter) == Some(&rank(entry.first_seen, sight)) {
                newest.remove(&sight.reporter);
                sight.current = true;
            }
        }
    }
}

/// A reporter's current policy is stale when it was seen after a newer one had come up, which is current for somebody else, and which
/// the reporter never saw: whoever saw it and went on has come back to the older one, as after a change that was undone.
fn mark_stale(entries: &mut [Entry]) {
    struct Newer {
        text: Text,
        first_seen: Day,
        reporters: Vec<String>,
    }
    let is_newer = |entry: &&Entry| entry.text.kind == PolicyKind::Sts && entry.reporters.iter().any(|sight| sight.current);
    let newer: Vec<Newer> = entries
        .iter()
        .filter(is_newer)
        .map(|entry| Newer {
            text: entry.text.clone(),
            first_seen: entry.first_seen,
            reporters: entry.reporters.iter().map(|sight| sight.reporter.clone()).collect(),
        })
        .collect();
    for entry in entries.iter_mut().filter(|entry| entry.text.kind == PolicyKind::Sts) {
        let later: Vec<&Newer> =
            newer.iter().filter(|one| one.first_seen > entry.first_seen && one.text.contradicts(&entry.text)).collect();
        for sight in entry.reporters.iter_mut().filter(|sight| sight.current) {
            sight.is_stale = later.iter().any(|one| one.first_seen < sight.last_seen && !one.reporters.contains(&sight.reporter));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reporter, mode, MX host, first and last day.
    type Saw<'a> = (&'a str, Option<PolicyMode>, &'a str, i32, i32);

    const TESTING: Option<PolicyMode> = Some(PolicyMode::Testing);
    const ENFORCE: Option<PolicyMode> = Some(PolicyMode::Enforce);

    fn seen(&(reporter, mode, mx, first, last): &Saw<'_>) -> SeenPolicy {
        SeenPolicy {
            reporter: reporter.to_owned(),
            kind: if mode.is_none() && mx.is_empty() { PolicyKind::NoPolicyFound } else { PolicyKind::Sts },
            mode,
            mx: Some(mx.to_owned()).filter(|mx| !mx.is_empty()).into_iter().collect(),
            max_age: None,
            first_seen: Day(first),
            last_seen: Day(last),
            reports: 1,
            sessions: u64::MAX,
        }
    }

    /// Which of these are current, and which stale.
    #[track_caller]
    fn check(saw: &[Saw<'_>], current: &[usize], stale: &[usize]) {
        let entries = grouped(saw.iter().map(seen).collect());
        let marked = |is_marked: fn(&Sight) -> bool| -> Vec<usize> {
            let is_marked = |(_, one): &(usize, &Saw<'_>)| {
                let one = seen(one);
                let text = Text { kind: one.kind, mode: one.mode, mx: one.mx, max_age: one.max_age };
                let sights = entries.iter().filter(|entry| entry.text == text).flat_map(|entry| &entry.reporters);
                sights.filter(|sight| sight.reporter == one.reporter).any(is_marked)
            };
            saw.iter().enumerate().filter(is_marked).map(|(at, _)| at).collect()
        };
        assert_eq!((marked(|sight| sight.current), marked(|sight| sight.is_stale)), (current.to_vec(), stale.to_vec()), "{entries:?}");
    }

    #[test]
    fn a_reporters_current_policy_is_the_one_that_it_saw_last() {
        check(&[("A", TESTING, "mx", 1, 10), ("A", ENFORCE, "mx", 8, 20)], &[1], &[]);
        // On a day with both it is the one that came later.
        check(&[("A", TESTING, "mx", 1, 10), ("A", ENFORCE, "mx", 8, 10)], &[1], &[]);
        check(&[("A", TESTING, "mx", 10, 10), ("A", ENFORCE, "mx", 10, 10), ("B", TESTING, "mx", 1, 5)], &[1, 2], &[]);
        // Two that are alike in everything: one of them.
        check(&[("A", TESTING, "mx", 10, 10), ("A", ENFORCE, "mx", 10, 10)], &[0], &[]);
        check(&[("A", TESTING, "mx", 1, 10), ("A", None, "", 11, 20)], &[1], &[]);
    }

    #[test]
    fn who_still_sees_what_others_saw_before_the_change_has_a_stale_policy() {
        check(&[("A", TESTING, "old", 1, 10), ("A", TESTING, "new", 11, 20), ("B", TESTING, "old", 1, 19)], &[1, 2], &[2]);
        // Who has not reported since the change cannot know, nor can who reports of that day.
        check(&[("A", TESTING, "old", 1, 10), ("A", TESTING, "new", 11, 20), ("B", TESTING, "old", 1, 11)], &[1, 2], &[]);
        // Nobody sees the other one any more.
        check(&[("A", TESTING, "old", 1, 20), ("A", TESTING, "new", 11, 15), ("B", TESTING, "old", 1, 20)], &[0, 2], &[]);
    }

    #[test]
    fn a_change_that_was_undone_makes_nobody_stale_who_saw_both() {
        let away = ("C", ENFORCE, "mx", 11, 12);
        check(&[("A", TESTING, "mx", 1, 20), ("A", ENFORCE, "mx", 11, 15), away], &[0, 2], &[]);
    }

    #[test]
    fn who_tells_a_part_of_the_policy_is_stale_only_when_that_part_changed() {
        check(&[("A", TESTING, "mx", 1, 10), ("A", ENFORCE, "mx", 11, 20), ("B", None, "mx", 1, 20)], &[1, 2], &[]);
        check(&[("A", TESTING, "mx", 1, 20), ("B", None, "mx", 5, 20)], &[0, 1], &[]);
        check(&[("A", TESTING, "mx", 1, 10), ("A", ENFORCE, "new", 11, 20), ("B", None, "mx", 1, 20)], &[1, 2], &[2]);
        // No policy found is no older policy.
        check(&[("A", None, "", 1, 20), ("B", TESTING, "mx", 5, 20)], &[0, 1], &[]);
    }

    #[test]
    fn policies_stand_newest_first_with_sums_that_stay_at_their_greatest_value() {
        let entries =
            grouped([("A", TESTING, "mx", 1, 10), ("B", TESTING, "mx", 3, 12), ("B", ENFORCE, "mx", 11, 20)].iter().map(seen).collect());
        let shown: Vec<_> =
            entries.iter().map(|entry| (entry.text.mode, entry.first_seen, entry.last_seen, entry.reports, entry.sessions)).collect();
        assert_eq!(shown, [(ENFORCE, Day(11), Day(20), 1, u64::MAX), (TESTING, Day(1), Day(12), 2, u64::MAX)]);
    }
}
