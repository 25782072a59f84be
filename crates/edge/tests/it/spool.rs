//! What senders are answered while the log is away, and what is on the log when it is back.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use tlsrpt_edge::EdgeConfig;

use crate::{
    faulty_log::Mode,
    harness::{Dir, Edge, REPORT, Setup, TlsMode, check_problem, submission_id, until},
};

/// Plain HTTP before a spool.
pub(crate) fn spooling(log: Mode, change: impl FnOnce(&mut EdgeConfig)) -> Setup {
    let mut setup = Setup { tls: TlsMode::Off, with_spool: true, log, ..Setup::default() };
    change(&mut setup.config);
    setup
}

/// Before a log that is silent, which is waited for 20 ms.
fn before_silence(change: impl FnOnce(&mut EdgeConfig)) -> Setup {
    spooling(Mode::Silent, |config| {
        config.spool.after_ms = 20;
        change(config);
    })
}

/// A report of about so many bytes.
fn report_of(bytes: usize) -> String {
    format!(r#"{{"x":"{}"}}"#, "y".repeat(bytes))
}

impl Edge {
    /// Posts `count` reports, each of which must be acknowledged; answers their ids.
    pub(crate) async fn post_acknowledged(&self, count: usize, bytes: usize) -> BTreeSet<String> {
        let mut ids = BTreeSet::new();
        for _ in 0..count {
            ids.insert(submission_id(self.post(report_of(bytes)).await).await);
        }
        ids
    }

    /// Waits until nothing is in the spool.
    pub(crate) async fn drained(&self) {
        until("the spool has drained", || self.metric("tlsrpt_edge_spool_records", &[]) == 0.0).await;
    }

    /// The ids on the log, and how many records there are.
    pub(crate) async fn on_the_log(&self) -> (BTreeSet<String>, usize) {
        let submissions = self.submissions().await;
        (submissions.iter().map(|submission| submission.id.to_string()).collect(), submissions.len())
    }

    fn spool_metrics(&self) -> [f64; 4] {
        ["tlsrpt_edge_spool_records", "tlsrpt_edge_spool_bytes", "tlsrpt_edge_spooled_total", "tlsrpt_edge_drained_total"]
            .map(|name| self.metric(name, &[]))
    }

    fn says_away(&self) -> bool {
        self.metric("tlsrpt_edge_log_away", &[]) == 1.0
    }
}

#[tokio::test]
async fn while_the_log_is_away_submissions_are_spooled_and_each_is_on_it_once_when_it_is_back() {
    let edge = Edge::start(spooling(Mode::There, |_| {})).await;
    let mut ids = edge.post_acknowledged(3, 100).await;
    assert_eq!(edge.spool_metrics(), [0.0; 4]);
    assert_eq!(edge.metric("tlsrpt_edge_spool_age_seconds", &[]), 0.0);
    assert_eq!(edge.metric("tlsrpt_edge_spool_limit_bytes", &[]), f64::from(1 << 30));

    edge.faults.set(Mode::Away);
    ids.extend(edge.post_acknowledged(20, 1_000).await);
    let [records, bytes, spooled, drained] = edge.spool_metrics();
    assert_eq!([records, spooled, drained], [20.0, 20.0, 0.0]);
    assert!((20.0 * 1_000.0..20.0 * 1_500.0).contains(&bytes), "{bytes}");
    until("the spool's content grows old", || edge.metric("tlsrpt_edge_spool_age_seconds", &[]) > 0.0).await;
    assert!(edge.says_away());
    assert_eq!(edge.intake.missing(), None, "the spool takes submissions");
    assert_eq!(edge.submissions().await.len(), 3);

    edge.faults.set(Mode::There);
    edge.drained().await;
    assert_eq!(edge.spool_metrics(), [0.0, 0.0, 20.0, 20.0]);
    assert_eq!(edge.metric("tlsrpt_edge_spool_age_seconds", &[]), 0.0);
    assert!(!edge.says_away());
    ids.extend(edge.post_acknowledged(2, 100).await);
    assert_eq!(edge.spool_metrics(), [0.0, 0.0, 20.0, 20.0], "submissions go to the log again");
    assert_eq!(edge.on_the_log().await, (ids, 25));
    assert_eq!(edge.metric("tlsrpt_edge_acknowledged_total", &[]), 25.0);
}

#[tokio::test]
async fn a_spooled_submission_reaches_the_log_as_it_came() {
    let edge = Edge::start(spooling(Mode::Away, |_| {})).await;
    submission_id(edge.post(REPORT).await).await;
    edge.faults.set(Mode::There);
    edge.drained().await;
    submission_id(edge.post(REPORT).await).await;
    let mut submissions = edge.submissions().await;
    let (direct, mut spooled) = (submissions.pop().unwrap(), submissions.pop().unwrap());
    assert!(spooled.id < direct.id, "the id tells when it was received, not when it was drained");
    spooled.id = direct.id;
    assert_eq!(spooled, direct);
}

#[tokio::test]
async fn a_silent_log_is_waited_for_once_and_then_submissions_go_to_the_spool_at_once() {
    let edge = Edge::start(before_silence(|_| {})).await;
    let mut ids = edge.post_acknowledged(1, 100).await;
    until("the drainer asks the log", || edge.faults.sent() == 2).await;
    ids.extend(edge.post_acknowledged(10, 100).await);
    assert_eq!(edge.faults.sent(), 2, "nothing more is offered to a log that does not answer");
    edge.faults.set(Mode::There);
    edge.drained().await;
    let (found, records) = edge.on_the_log().await;
    assert_eq!(found, ids);
    assert_eq!(records, 12, "the first was in the log's hands already when it was spooled: one id, which counts once");
}

#[tokio::test]
async fn a_log_that_does_not_know_what_became_of_a_record_is_asked_again() {
    let edge = Edge::start(spooling(Mode::Unsure, |_| {})).await;
    let ids = edge.post_acknowledged(5, 100).await;
    assert_eq!(edge.metric("tlsrpt_edge_spool_records", &[]), 5.0);
    edge.faults.set(Mode::There);
    edge.drained().await;
    assert_eq!(edge.on_the_log().await.0, ids);
}

#[tokio::test]
async fn what_a_busy_log_has_no_room_for_is_spooled_and_the_log_is_not_said_to_be_away() {
    let edge = Edge::start(spooling(Mode::Busy, |_| {})).await;
    let ids = edge.post_acknowledged(5, 100).await;
    assert!(!edge.says_away());
    edge.faults.set(Mode::There);
    edge.drained().await;
    assert_eq!(edge.on_the_log().await, (ids, 5));
}

#[tokio::test]
async fn a_full_spool_tells_senders_when_to_come_back_and_loses_nothing() {
    let edge = Edge::start(spooling(Mode::Away, |config| {
        config.spool.limit_bytes = 100_000;
        config.intake.retry_after_seconds = 17;
    }))
    .await;
    let mut ids = edge.post_acknowledged(3, 30_000).await;
    for _ in 0..3 {
        let refused = edge.post(report_of(30_000)).await;
        assert_eq!(refused.headers()["retry-after"], "17");
        check_problem(refused, 503, "log-unavailable").await;
    }
    assert_eq!(edge.intake.missing(), Some("the log is away and the spool is full"));
    let watching = tokio::spawn(edge.intake.clone().watch(edge.health.dependency("log"), edge.shutdown.clone()));
    until("the edge is not ready", || edge.health.missing().get("log").is_some_and(|reason| reason.contains("full"))).await;
    ids.extend(edge.post_acknowledged(1, 5_000).await);
    let [records, bytes, ..] = edge.spool_metrics();
    assert_eq!(records, 4.0);
    assert!(bytes <= 100_000.0, "{bytes}");

    edge.faults.set(Mode::There);
    edge.drained().await;
    assert_eq!(edge.intake.missing(), None);
    until("the edge is ready again", || edge.health.missing().is_empty()).await;
    ids.extend(edge.post_acknowledged(1, 30_000).await);
    edge.faults.set(Mode::Away);
    ids.extend(edge.post_acknowledged(3, 30_000).await);
    edge.faults.set(Mode::There);
    edge.drained().await;
    assert_eq!(edge.on_the_log().await, (ids, 8));
    edge.shutdown.cancel();
    watching.await.unwrap();
}

#[tokio::test]
async fn with_the_spool_full_a_log_that_is_only_slow_still_takes_submissions() {
    let edge = Edge::start(before_silence(|config| config.spool.limit_bytes = 1)).await;
    let rua = edge.rua();
    let posting = tokio::spawn(async move { crate::harness::client().post(rua).body(REPORT).send().await.unwrap() });
    until("the log counts as away", || edge.says_away()).await;
    edge.faults.set(Mode::There);
    let id = submission_id(posting.await.unwrap()).await;
    assert_eq!(edge.on_the_log().await, (BTreeSet::from([id]), 1));
    assert!(!edge.says_away());
}

#[tokio::test]
async fn what_an_earlier_run_spooled_is_drained_by_the_next() {
    let edge = Edge::start(spooling(Mode::Away, |_| {})).await;
    let mut ids = edge.post_acknowledged(30, 5_000).await;
    let before = edge.spool_metrics();
    let dir = edge.stop().await;

    let edge = Edge::start_in(dir, spooling(Mode::Away, |_| {})).await;
    assert_eq!(edge.spool_metrics()[..2], before[..2], "the figures are right from the start");
    until("the age goes on", || edge.metric("tlsrpt_edge_spool_age_seconds", &[]) > 0.0).await;
    ids.extend(edge.post_acknowledged(5, 100).await);
    assert_eq!(edge.metric("tlsrpt_edge_spool_records", &[]), 35.0);
    let dir = edge.stop().await;

    let edge = Edge::start_in(dir, spooling(Mode::There, |_| {})).await;
    edge.drained().await;
    assert_eq!(edge.spool_metrics(), [0.0, 0.0, 0.0, 35.0]);
    assert_eq!(edge.on_the_log().await, (ids.clone(), 35));
    let dir = edge.stop().await;

    let edge = Edge::start_in(dir, spooling(Mode::There, |_| {})).await;
    ids.extend(edge.post_acknowledged(1, 100).await);
    assert_eq!(edge.on_the_log().await, (ids, 36), "what was drained is not sent again");
}

#[tokio::test]
async fn the_limit_holds_over_a_restart() {
    let limited = |log| spooling(log, |config| config.spool.limit_bytes = 100_000);
    let edge = Edge::start(limited(Mode::Away)).await;
    edge.post_acknowledged(3, 30_000).await;
    let dir = edge.stop().await;
    let edge = Edge::start_in(dir, limited(Mode::Away)).await;
    check_problem(edge.post(report_of(30_000)).await, 503, "log-unavailable").await;
}

#[tokio::test]
async fn with_a_limit_of_0_senders_are_told_to_come_back_as_without_a_spool() {
    let edge = Edge::start(spooling(Mode::Away, |config| config.spool.limit_bytes = 0)).await;
    assert!(edge.spool.is_none());
    let refused = edge.post(REPORT).await;
    assert!(refused.headers().contains_key("retry-after"));
    check_problem(refused, 503, "log-unavailable").await;
    assert!(!edge.dir.path().join("spool").exists());
    assert_eq!(edge.intake.missing(), None, "nobody but senders asks the log");
    edge.faults.set(Mode::There);
    edge.post_acknowledged(1, 100).await;
}

#[tokio::test]
async fn a_spool_that_was_turned_off_is_drained_and_takes_nothing_more() {
    let edge = Edge::start(spooling(Mode::Away, |_| {})).await;
    let mut ids = edge.post_acknowledged(5, 100).await;
    let dir = edge.stop().await;
    let off = |log| spooling(log, |config| config.spool.limit_bytes = 0);

    let edge = Edge::start_in(dir, off(Mode::Away)).await;
    check_problem(edge.post(REPORT).await, 503, "log-unavailable").await;
    assert_eq!(edge.metric("tlsrpt_edge_spool_records", &[]), 5.0);
    edge.faults.set(Mode::There);
    edge.drained().await;
    ids.extend(edge.post_acknowledged(1, 100).await);
    assert_eq!(edge.on_the_log().await, (ids, 6));
    let dir = edge.stop().await;
    let edge = Edge::start_in(dir, off(Mode::There)).await;
    assert!(edge.spool.is_none());
}

#[tokio::test]
async fn what_the_log_refuses_as_too_large_is_refused_while_it_is_away_too() {
    let edge = Edge::start(spooling(Mode::There, |_| {})).await;
    let too_large = report_of(3 << 20);
    let there = check_problem(edge.post(too_large.clone()).await, 413, "too-large").await;
    edge.faults.set(Mode::Away);
    edge.post_acknowledged(1, 100).await;
    let away = check_problem(edge.post(too_large).await, 413, "too-large").await;
    assert_eq!(there, away);
    assert_eq!(edge.metric("tlsrpt_edge_spool_records", &[]), 1.0);
}

#[tokio::test]
async fn a_spooled_submission_that_the_log_refuses_as_too_large_is_kept_aside_and_holds_nothing_up() {
    let edge = Edge::start(spooling(Mode::Away, |_| {})).await;
    let large = edge.post_acknowledged(2, 50_000).await;
    let small = edge.post_acknowledged(5, 100).await;
    edge.faults.set(Mode::Narrow(10_000));
    edge.drained().await;
    assert_eq!(edge.on_the_log().await, (small.clone(), 5));
    assert_eq!(edge.metric("tlsrpt_edge_spool_set_aside_records", &[]), 2.0);
    assert_eq!(edge.metric("tlsrpt_edge_drained_total", &[]), 5.0);
    assert!(edge.metric("tlsrpt_edge_spool_bytes", &[]) > 100_000.0, "what is kept aside takes room");
    assert!(!edge.says_away());
    check_problem(edge.post(report_of(50_000)).await, 413, "too-large").await;
    let dir = edge.stop().await;

    let edge = Edge::start_in(dir, spooling(Mode::Narrow(10_000), |_| {})).await;
    edge.drained().await;
    assert_eq!(edge.metric("tlsrpt_edge_spool_set_aside_records", &[]), 2.0, "nobody has raised the limit yet");
    let dir = edge.stop().await;

    let edge = Edge::start_in(dir, spooling(Mode::There, |_| {})).await;
    edge.drained().await;
    assert_eq!(edge.on_the_log().await, (&large | &small, 7));
    assert_eq!(edge.metric("tlsrpt_edge_spool_set_aside_records", &[]), 0.0);
    assert_eq!(edge.metric("tlsrpt_edge_spool_bytes", &[]), 0.0);
}

#[tokio::test]
async fn a_spool_that_cannot_store_is_a_503_and_never_an_acknowledgement() {
    let edge = Edge::start(spooling(Mode::Away, |_| {})).await;
    // Its own log is closed underneath it: as with a disk that fails, nothing can be written.
    edge.spool.as_ref().unwrap().close().await;
    let refused = edge.post(REPORT).await;
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(edge.intake.missing().is_some_and(|missing| missing.contains("cannot store")));
    assert_eq!(edge.metric("tlsrpt_edge_acknowledged_total", &[]), 0.0);
    assert_eq!(edge.metric("tlsrpt_edge_spooled_total", &[]), 0.0);
}

#[tokio::test]
async fn after_a_submission_that_found_neither_log_nor_spool_the_next_asks_the_log() {
    let edge = Edge::start(spooling(Mode::Away, |config| config.spool.limit_bytes = 1)).await;
    check_problem(edge.post(REPORT).await, 503, "log-unavailable").await;
    assert!(edge.says_away());
    edge.faults.set(Mode::There);
    let mut status = StatusCode::SERVICE_UNAVAILABLE;
    while status != StatusCode::CREATED {
        status = edge.post(REPORT).await.status();
    }
    assert!(!edge.says_away());
    assert_eq!(edge.submissions().await.len(), 1);
}

#[tokio::test]
async fn closing_does_not_wait_for_a_silent_log() {
    let edge = Edge::start(before_silence(|_| {})).await;
    let ids = edge.post_acknowledged(10, 100).await;
    // The harness bounds the wait far above the second that the log is given.
    let dir: Dir = edge.stop().await;
    let edge = Edge::start_in(dir, spooling(Mode::There, |_| {})).await;
    edge.drained().await;
    assert_eq!(edge.on_the_log().await.0, ids);
}

#[tokio::test]
async fn a_long_backlog_drains_while_submissions_go_straight_to_the_log() {
    let edge = Edge::start(spooling(Mode::Away, |_| {})).await;
    let client = crate::harness::client();
    let mut posting = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (client, rua) = (client.clone(), edge.rua());
        posting.spawn(async move {
            let mut ids = BTreeSet::new();
            for _ in 0..40 {
                ids.insert(submission_id(client.post(&rua).body(report_of(1_000)).send().await.unwrap()).await);
            }
            ids
        });
    }
    let mut ids: BTreeSet<String> = posting.join_all().await.into_iter().flatten().collect();
    assert_eq!(edge.metric("tlsrpt_edge_spool_records", &[]), 2_560.0);
    edge.faults.set(Mode::There);
    until("the log is back", || !edge.says_away()).await;
    ids.extend(edge.post_acknowledged(10, 100).await);
    assert_eq!(edge.metric("tlsrpt_edge_spooled_total", &[]), 2_560.0);
    edge.drained().await;
    assert_eq!(edge.on_the_log().await, (ids, 2_570));
}

#[tokio::test]
async fn senders_who_leave_before_their_answer_leave_no_wrong_figures_behind() {
    let edge = Edge::start(spooling(Mode::Away, |_| {})).await;
    let client = crate::harness::client();
    for round in 0..20 {
        let posting: Vec<_> = (0..10).map(|_| tokio::spawn(client.post(edge.rua()).body(report_of(20_000)).send())).collect();
        // Leaves them in different states: not connected, sending, waiting for the spool, answered.
        for _ in 0..round * 10 {
            tokio::task::yield_now().await;
        }
        posting.iter().for_each(tokio::task::JoinHandle::abort);
    }
    let ids = edge.post_acknowledged(5, 100).await;
    until("nothing is being answered", || edge.metric("tlsrpt_edge_in_flight_requests", &[]) == 0.0).await;
    edge.faults.set(Mode::There);
    edge.drained().await;
    assert_eq!(edge.metric("tlsrpt_edge_spool_bytes", &[]), 0.0);
    assert!(edge.on_the_log().await.0.is_superset(&ids));
}
