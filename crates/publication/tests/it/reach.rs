//! Where the checker connects to.

use tlsrpt_outbound::Reach;
use tlsrpt_publication::{Checker, Code, Unfetched};
use tlsrpt_report::Domain;

use crate::{
    domain::{TestDomain, good},
    world::{judged, world},
};

pub(crate) fn domains() -> Vec<TestDomain> {
    vec![good("private")]
}

#[tokio::test]
async fn a_policy_at_a_private_address_is_fetched_when_its_network_is_allowed_and_else_not() {
    let Some(world) = world().await else { return };
    let domain = Domain::parse("private.tested.example").unwrap();
    let look = world.checker().check(&domain, false).await.look;
    assert_eq!(look.policy.answer.as_ref().unwrap().status, 200);

    let checker = Checker::new(&world.config(), Reach::default()).unwrap();
    let look = checker.check(&domain, false).await.look;
    assert_eq!(look.policy.answer, Err(Unfetched::Forbidden));
    let codes: Vec<Code> = judged(&look).findings.iter().map(|finding| finding.code).collect();
    // What senders find there is not known, and nothing is said of it.
    assert_eq!(codes, [Code::PolicyHostForbidden]);
}
