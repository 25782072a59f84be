//! Properties of what is told: once each, whatever the order, and again when it comes back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;

use proptest::prelude::*;
use tlsrpt_advisor::State;
use tlsrpt_notify::{Before, Changes, DomainView, FailureClass, Kind, Kinds, Known, NoticeKey, Settings, changes};
use tlsrpt_record::TenantId;
use tlsrpt_report::{Day, Domain, ResultType, UnixMillis};

const TODAY: Day = Day(20_600);

fn tenant() -> TenantId {
    TenantId::parse("acme").unwrap()
}

fn settings() -> Settings {
    Settings { since: UnixMillis(0), webhook: None, mail_to: Vec::new(), kinds: Kinds::default(), quiet_hours: None, breakthrough: false }
}

fn noon(day: Day) -> UnixMillis {
    UnixMillis(i64::from(day.0) * 86_400_000 + 43_200_000)
}

fn view(name: &str) -> DomainView {
    let domain = Domain::parse(name).unwrap();
    DomainView { domain, state: State::Testing, since: None, blocking: Vec::new(), silent_reporters: Vec::new() }
}

fn class(mx: &str, first: Day, last: Day) -> FailureClass {
    FailureClass {
        result: ResultType::CertificateExpired,
        receiving_mx: mx.to_owned(),
        first_seen: first,
        last_seen: last,
        failed_sessions: 3,
    }
}

/// What is known after a look that found this.
fn after(mut before: Before, found: &Changes, now: UnixMillis) -> Before {
    for known in &mut before.known {
        let key = NoticeKey::new(&tenant(), known.kind, &known.domain, &known.subject, known.episode);
        known.is_open &= !found.ended.contains(&key);
    }
    for opened in &found.opened {
        let notice = &opened.notice;
        let domain = Domain::parse(&notice.domain).unwrap();
        before.known.retain(|known| (known.kind, &known.domain, &known.subject) != (notice.kind, &domain, &notice.subject));
        before.known.push(Known {
            kind: notice.kind,
            domain,
            subject: notice.subject.clone(),
            episode: notice.episode,
            opened_at: notice.opened_at,
            is_open: true,
        });
    }
    before.watched.extend(found.watched.iter().map(|domain| (domain.clone(), now)));
    before.watched.retain(|domain, _| !found.released.contains(domain));
    before
}

fn look(before: &Before, views: &[DomainView], day: Day) -> (Changes, Before) {
    let found = changes(&tenant(), &settings(), before, views, noon(day));
    let then = after(before.clone(), &found, noon(day));
    (found, then)
}

fn told(found: &Changes) -> Vec<(Kind, &str, &str)> {
    let told = found.opened.iter().filter(|opened| opened.is_told);
    told.map(|opened| (opened.notice.kind, opened.notice.domain.as_str(), opened.notice.subject.as_str())).collect()
}

#[test]
fn the_first_look_tells_what_is_at_risk_and_notes_the_rest_and_the_next_tells_what_is_new() {
    let mut views = [view("a.example"), view("b.example")];
    views[0].state = State::AtRisk;
    views[0].blocking = vec![class("mx.a.example", TODAY, TODAY)];
    views[1].silent_reporters = vec![("Old Mail".to_owned(), TODAY.plus(-200))];
    let (found, before) = look(&Before::default(), &views, TODAY);
    assert_eq!(told(&found), [(Kind::AtRisk, "a.example", "")]);
    assert_eq!(found.opened.len(), 3);
    views[1].silent_reporters.push(("Big Mail".to_owned(), TODAY.plus(-5)));
    views[1].blocking = vec![class("mx.b.example", TODAY, TODAY)];
    let (found, before) = look(&before, &views, TODAY);
    let new = [(Kind::FailureClass, "b.example", "certificate-expired mx.b.example"), (Kind::ReporterSilent, "b.example", "Big Mail")];
    assert_eq!(told(&found), new);
    // A domain that is claimed later has a first look of its own.
    let mut later = view("c.example");
    later.silent_reporters = vec![("Old Mail".to_owned(), TODAY.plus(-200))];
    let (found, _) = look(&before, &[views[0].clone(), views[1].clone(), later], TODAY);
    assert_eq!((told(&found), found.opened.len()), (vec![], 1));
}

#[test]
fn a_failure_class_is_news_again_after_28_days_without_it() {
    let (_, before) = look(&Before::default(), &[view("a.example")], TODAY);
    let seen = |last: Day| [DomainView { blocking: vec![class("mx.a.example", TODAY, last)], ..view("a.example") }];
    let (first, before) = look(&before, &seen(TODAY), TODAY);
    assert_eq!(told(&first).len(), 1);
    // An older report moves its beginning: that is no news.
    let mut earlier = seen(TODAY.plus(3));
    earlier[0].blocking[0].first_seen = TODAY.plus(-4);
    let (found, before) = look(&before, &earlier, TODAY.plus(5));
    assert_eq!((found.opened.len(), found.ended.len()), (0, 0));
    let (found, before) = look(&before, &seen(TODAY.plus(3)), TODAY.plus(30));
    assert_eq!((found.opened.len(), found.ended.len()), (0, 0), "27 days without");
    let (found, before) = look(&before, &seen(TODAY.plus(3)), TODAY.plus(31));
    assert_eq!((found.opened.len(), found.ended.len()), (0, 1), "28 days without");
    let (again, _) = look(&before, &seen(TODAY.plus(32)), TODAY.plus(32));
    assert_eq!(told(&again), told(&first));
    assert_ne!(again.opened[0].notice.key, first.opened[0].notice.key);
}

#[test]
fn whoever_switches_notifications_on_again_is_told_what_is_at_risk() {
    let views = [DomainView { state: State::AtRisk, ..view("a.example") }];
    let (first, before) = look(&Before::default(), &views, TODAY);
    let later = Settings { since: noon(TODAY.plus(1)), ..settings() };
    let again = changes(&tenant(), &later, &before, &views, noon(TODAY.plus(2)));
    assert_eq!(told(&again), told(&first));
    assert_eq!(again.ended, [first.opened[0].notice.key]);
    assert_ne!(again.opened[0].notice.key, first.opened[0].notice.key);
}

#[test]
fn a_kind_that_is_not_wanted_is_noted_and_not_told() {
    let quiet = Settings { kinds: [Kind::ReadyForTesting].into_iter().collect(), ..settings() };
    let views = [DomainView { state: State::AtRisk, ..view("a.example") }];
    let found = changes(&tenant(), &quiet, &Before::default(), &views, noon(TODAY));
    assert_eq!((told(&found), found.opened.len()), (vec![], 1));
}

fn views() -> impl Strategy<Value = Vec<DomainView>> {
    let class = (0..3u8, -60..1i32, 0..20i32).prop_map(|(mx, first, length)| {
        let first = TODAY.plus(first);
        class(&format!("mx{mx}.example"), first, first.plus(length))
    });
    let silent = (0..3u8, -99..-4i32).prop_map(|(name, day)| (format!("Reporter {name}"), TODAY.plus(day)));
    let one = (prop::sample::select(State::ALL.to_vec()), prop::collection::vec(class, 0..4), prop::collection::vec(silent, 0..3));
    prop::collection::vec(one, 0..5).prop_map(|all| {
        let domains = all.into_iter().enumerate();
        domains
            .map(|(at, (state, blocking, silent_reporters))| DomainView {
                state,
                blocking,
                silent_reporters,
                ..view(&format!("d{at}.example"))
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn the_same_twice_opens_and_ends_nothing(looks in prop::collection::vec(views(), 1..5)) {
        let mut before = Before::default();
        for views in &looks {
            before = look(&before, views, TODAY).1;
        }
        let found = look(&before, looks.last().unwrap(), TODAY).0;
        prop_assert_eq!(found, Changes::default());
    }

    #[test]
    fn the_order_of_domains_changes_nothing(looks in prop::collection::vec(views(), 1..4)) {
        let (mut before, mut reversed) = (Before::default(), Before::default());
        for views in &looks {
            let mut backwards = views.clone();
            backwards.reverse();
            let ((found, then), (other, other_then)) = (look(&before, views, TODAY), look(&reversed, &backwards, TODAY));
            let keys = |found: &Changes| found.opened.iter().map(|one| (one.notice.key, one.is_told)).collect::<BTreeSet<_>>();
            prop_assert_eq!(keys(&found), keys(&other));
            let ended = |found: &Changes| found.ended.iter().copied().collect::<BTreeSet<_>>();
            prop_assert_eq!(ended(&found), ended(&other));
            (before, reversed) = (then, other_then);
        }
    }

    #[test]
    fn what_ended_and_came_back_has_a_new_key(first in views(), second in views()) {
        let (found, before) = look(&Before::default(), &first, TODAY);
        let (ended, before) = look(&before, &second, TODAY);
        let (again, _) = look(&before, &first, TODAY);
        let keys: BTreeSet<_> = found.opened.iter().chain(&ended.opened).map(|one| one.notice.key).collect();
        prop_assert!(again.opened.iter().all(|one| !keys.contains(&one.notice.key)));
        // All that is gone has ended, and nothing else.
        prop_assert_eq!(again.opened.len(), first.iter().map(|view| open_of(view, &found, &ended)).sum::<usize>());
    }
}

/// Conditions of the view that the first look found and the second ended.
fn open_of(view: &DomainView, found: &Changes, ended: &Changes) -> usize {
    let of_view = found.opened.iter().filter(|one| one.notice.domain == view.domain.as_str());
    of_view.filter(|one| ended.ended.contains(&one.notice.key)).count()
}
