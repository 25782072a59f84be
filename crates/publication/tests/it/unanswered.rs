//! DNS that fails is not DNS that says no.

use tlsrpt_outbound::Reach;
use tlsrpt_publication::{Answer, Checker, Code, PublicationConfig, Trouble};
use tlsrpt_report::Domain;
use tokio::net::UdpSocket;

use crate::world::{FAILING, judged, world};

#[tokio::test]
async fn a_name_server_that_fails_is_told_from_one_that_knows_of_nothing() {
    let Some(world) = world().await else { return };
    let look = world.checker().check(&Domain::parse(FAILING).unwrap(), false).await.look;
    assert!(look.is_blind());
    let Answer::Failed(Trouble::Other(trouble)) = &look.tlsrpt.answer else { panic!("{:?}", look.tlsrpt) };
    assert!(trouble.to_lowercase().contains("fail"), "{trouble}");
    let codes: Vec<Code> = judged(&look).findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [Code::DnsFailed; 4]);
}

#[tokio::test]
async fn a_name_server_that_is_silent_costs_the_time_for_a_question_and_nothing_is_concluded() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let config = PublicationConfig { servers: vec![silent.local_addr().unwrap()], query_timeout_ms: 200, ..PublicationConfig::default() };
    let look = Checker::new(&config, Reach::default()).unwrap().check(&Domain::parse("silent.example").unwrap(), false).await.look;
    assert!(look.is_blind());
    let findings = judged(&look).findings;
    assert!(findings.iter().all(|finding| finding.code == Code::DnsFailed), "{findings:?}");
}
