//! The spool's bound.

use tlsrpt_tests::{Encoding, Generator, Role, Size};

use crate::parts::{Kafka, broker_behind_a_proxy, figure};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_spool_answers_503_and_one_that_is_turned_off_takes_nothing() {
    let (_cluster, mut proxy) = broker_behind_a_proxy().await;
    let kafka = Kafka::at(&proxy.listen().to_string());
    let mut reports = Generator::new(4);
    for (limit, is_on) in [("2MiB", true), ("0", false)] {
        proxy.restore().await;
        let edge = kafka
            .role(Role::Edge)
            .flag("--spool-limit", limit)
            .allow("Kafka is away")
            .allow("the log is away")
            .allow("the log takes no submissions")
            .allow("the spool is full")
            .allow("the registry topic cannot be read")
            .start()
            .await;
        proxy.cut().await;
        let mut taken = 0;
        let refusal = loop {
            let answer = edge.sender().post(reports.report("example.com", Size::Large).encode(Encoding::Plain)).await;
            if answer.status != 201 {
                break answer;
            }
            taken += 1;
            assert!(taken < 20, "2 MiB hold no 20 reports of 260 KB");
        };
        assert!(!refusal.header("retry-after").is_empty(), "{}", refusal.text());
        assert_eq!(refusal.status, 503, "{}", refusal.text());
        assert_eq!(taken > 0, is_on, "{taken} taken with a limit of {limit}");
        proxy.restore().await;
        tlsrpt_tests::until("the edge takes submissions again", async || {
            let answer = edge.sender().post(reports.report("example.com", Size::Small).encode(Encoding::Plain)).await;
            let left = figure(&edge, "tlsrpt_edge_spool_records").await;
            if answer.status == 201 && left == 0.0 { Ok(()) } else { Err(format!("{}, {left} in the spool", answer.status)) }
        })
        .await;
        edge.finish().await;
        proxy.cut().await;
    }
}
