//! Whatever the log does meanwhile and however often the edge is started again: what was acknowledged is on the log at the end.

use std::collections::BTreeSet;

use proptest::prelude::*;
use reqwest::StatusCode;

use crate::{
    faulty_log::Mode,
    harness::{Edge, submission_id},
    spool::spooling,
};

#[derive(Clone, Copy, Debug)]
enum Step {
    Post { count: usize, bytes: usize },
    Log(Mode),
    Restart,
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::There), Just(Mode::Away), Just(Mode::Silent), Just(Mode::Busy), Just(Mode::Unsure), Just(Mode::Narrow(5_000)),]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..6_usize, 10..20_000_usize).prop_map(|(count, bytes)| Step::Post { count, bytes }),
        4 => mode().prop_map(Step::Log),
        1 => Just(Step::Restart),
    ]
}

async fn check(steps: Vec<Step>) {
    let limited = |log| {
        spooling(log, |config| {
            config.spool.limit_bytes = 100_000;
            config.spool.after_ms = 20;
            config.intake.ack_timeout_ms = 500;
        })
    };
    let mut edge = Edge::start(limited(Mode::There)).await;
    let mut acknowledged = BTreeSet::new();
    for step in steps {
        match step {
            Step::Log(mode) => edge.faults.set(mode),
            Step::Restart => edge = Edge::start_in(edge.stop().await, limited(Mode::Away)).await,
            Step::Post { count, bytes } => {
                for _ in 0..count {
                    let answer = edge.post(format!(r#"{{"x":"{}"}}"#, "y".repeat(bytes))).await;
                    match answer.status() {
                        StatusCode::CREATED => assert!(acknowledged.insert(submission_id(answer).await)),
                        StatusCode::SERVICE_UNAVAILABLE => assert!(answer.headers().contains_key("retry-after")),
                        status => assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE),
                    }
                }
                assert!(edge.metric("tlsrpt_edge_spool_bytes", &[]) <= 100_000.0);
            }
        }
    }
    // What was set aside is offered again after a start.
    let edge = Edge::start_in(edge.stop().await, limited(Mode::There)).await;
    edge.drained().await;
    assert_eq!(edge.metric("tlsrpt_edge_spool_bytes", &[]), 0.0);
    let (found, _) = edge.on_the_log().await;
    let lost: Vec<_> = acknowledged.difference(&found).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 50, ..ProptestConfig::default() })]
    #[test]
    fn every_acknowledged_submission_is_on_the_log_at_the_end(steps in proptest::collection::vec(step(), 1..14)) {
        tokio::runtime::Runtime::new().unwrap().block_on(check(steps));
    }
}
