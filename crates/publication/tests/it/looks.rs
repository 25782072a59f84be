//! What is remembered, and for how long.

use std::sync::Arc;

use tlsrpt_outbound::Reach;
use tlsrpt_publication::{Checker, PublicationConfig, Published, State};
use tlsrpt_report::Domain;

use crate::{
    domain::{TestDomain, good},
    world::{judged, world},
};

pub(crate) fn domains() -> Vec<TestDomain> {
    vec![
        good("remembered"),
        good("chained").without("_smtp._tls.").and("_smtp._tls.{d}. CNAME one.{d}.\none.{d}. CNAME two.nowhere.example."),
    ]
}

#[tokio::test]
async fn whoever_asks_meanwhile_or_soon_again_gets_the_same_look_and_a_fresh_one_only_when_it_is_old_enough() {
    let Some(world) = world().await else { return };
    let domain = Domain::parse("remembered.tested.example").unwrap();
    let checker = world.checker();
    let (one, other) = tokio::join!(checker.check(&domain, false), checker.check(&domain, true));
    assert!(Arc::ptr_eq(&one.look, &other.look), "one look for both");
    // Younger than a minute.
    assert!(Arc::ptr_eq(&one.look, &checker.check(&domain, true).await.look));

    let config = PublicationConfig { fresh_after_seconds: 0, ..world.config() };
    let checker = Checker::new(&config, Reach::default()).unwrap();
    let one = checker.check(&domain, false).await.look;
    assert!(Arc::ptr_eq(&one, &checker.check(&domain, false).await.look));
    assert!(!Arc::ptr_eq(&one, &checker.check(&domain, true).await.look));
}

#[tokio::test]
async fn what_is_shown_has_the_texts_as_they_are_and_every_alias_on_the_way() {
    let Some(world) = world().await else { return };
    let checker = world.checker();
    let look = checker.check(&Domain::parse("chained.tested.example").unwrap(), false).await.look;
    let shown = Published::new(&look, &judged(&look));
    assert_eq!(shown.tlsrpt.records.aliases, ["one.chained.tested.example", "two.nowhere.example"]);
    assert_eq!(shown.tlsrpt.records.state, State::Missing);
    assert_eq!(shown.mta_sts.records.texts, ["v=STSv1; id=20260501T000000;"]);
    assert_eq!(shown.policy.mx, ["mx.chained.tested.example"]);
    assert_eq!(shown.mx.hosts[0].is_covered, Some(true));
    assert_eq!(shown.mx.hosts[0].tlsa, ["3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"]);
}
