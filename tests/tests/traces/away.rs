//! A receiver that is away, or refuses: nothing waits for it, and it is told.

use tlsrpt_tests::{Encoding, Generator, OtlpReceiver, Service, Setup, Size, settled, until};

use crate::{chain::Chain, traced};

const AWAY: &str = "the OTLP receiver takes no telemetry";
const BACK: &str = "the OTLP receiver takes telemetry again";

/// Spans that a service lost.
async fn dropped(service: &Service) -> u64 {
    let text = service.operations().get("/metrics").await.text();
    text.lines().find_map(|line| line.strip_prefix("tlsrpt_otlp_dropped_spans_total ")).unwrap().parse().unwrap()
}

fn times(service: &Service, words: &str) -> usize {
    service.log().all().iter().filter(|line| line.contains(words)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_go_on_while_the_receiver_is_away_and_their_spans_follow_when_it_is_back() {
    let mut receiver = OtlpReceiver::reserve().await;
    let mut service = traced(Setup::new(), &receiver).allow(AWAY).start().await;
    let operator = service.operator();
    operator.tenant("acme", &["example.com"]).await;
    let mut reports = Generator::new(4);
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(service.sender().send(reports.report("example.com", Size::Small).encode(Encoding::Gzip)).await);
    }
    service.await_line(AWAY).await;
    assert_eq!(settled(&operator, 5).await.stored, 5);
    receiver.start_again().await;
    for id in &ids {
        Chain::of(&receiver, id).await;
    }
    service.await_line(BACK).await;
    assert_eq!((dropped(&service).await, times(&service, AWAY), times(&service, BACK)), (0, 1, 1));

    // At the end nothing waits for a receiver either.
    receiver.stop().await;
    service.sender().send(reports.report("example.com", Size::Small).encode(Encoding::Gzip)).await;
    settled(&operator, 6).await;
    service.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_that_the_receiver_refuses_are_counted_and_told_once() {
    let receiver = OtlpReceiver::start().await;
    receiver.refuse(true);
    let setup = traced(Setup::new(), &receiver).variable("TLSRPT_OTLP__PROTOCOL", "http");
    let mut service = setup.allow(AWAY).start().await;
    let mut lost = 0;
    for _ in 0..2 {
        service.sender().send(Generator::new(5).report("example.com", Size::Small).encode(Encoding::Gzip)).await;
        lost = until("more spans are lost", async || {
            let now = dropped(&service).await;
            if now > lost { Ok(now) } else { Err(now.to_string()) }
        })
        .await;
    }
    assert_eq!((times(&service, AWAY), receiver.spans().len()), (1, 0));
    let told = service.await_line(AWAY).await;
    assert!(told["error"].as_str().unwrap().contains("401"), "{told}");
    receiver.refuse(false);
    service.sender().send(Generator::new(6).report("example.com", Size::Small).encode(Encoding::Gzip)).await;
    service.await_line(BACK).await;
    service.finish().await;
}
