//! The recipes of `docs/mta-recipes.md`, as they stand there, with the MTAs that they are for. Only the port is another.

use std::net::SocketAddr;

use tlsrpt_mail_peers::{Exim, EximParts, OpenSmtpd, Postfix};
use tlsrpt_tests::{free_address, until};

use crate::{
    signatures::Signer,
    world::{REPORTS, SUBMITTER, World},
};

const RECIPES: &str = include_str!("../../../docs/mta-recipes.md");
const PORT: &str = "2424";

/// The blocks of a section of the recipes.
fn recipe(section: &str, lmtp: SocketAddr) -> Vec<String> {
    let sections = RECIPES.split("\n## ").find(|text| text.starts_with(section));
    let text = sections.unwrap_or_else(|| panic!("no section {section}"));
    let blocks: Vec<String> = text.split("```").skip(1).step_by(2).map(|block| block.replace(PORT, &lmtp.port().to_string())).collect();
    assert!(blocks.concat().contains(&lmtp.port().to_string()), "{blocks:?}");
    blocks
}

/// A service that takes mail by LMTP as well, and whose address for that stays over a restart.
async fn world() -> Option<(World, SocketAddr)> {
    let lmtp = free_address().await;
    let world = World::start_with(|setup| setup.flag("--lmtp-listen", &lmtp.to_string())).await?;
    Some((world, lmtp))
}

/// A sender hands a signed mail to `smtp`; it counts, and the MTA has not broken the signature.
async fn counts(world: &mut World, smtp: SocketAddr, logs: impl Fn() -> String) {
    let signer = Signer::new();
    world.dns.add(&signer.record(SUBMITTER, ""));
    let mailbox = world.mailbox();
    let mail = signer.sign(SUBMITTER, &world.mail("by-way-of-an-MTA"));
    world.clients.swaks(smtp, world.envelope(&mailbox), mail.as_bytes(), &[]).succeeded();
    until("the mail", async || {
        let ledger = tlsrpt_tests::caught_up(&world.operator()).await;
        if ledger.accepted == 1 { Ok(()) } else { Err(format!("{ledger:?}\n{}", logs())) }
    })
    .await;
    assert_eq!(world.counted(&["by-way-of-an-MTA"]).await, ["dkim-aligned"]);
    world.stored(1).await;
}

/// An address that the service does not know is refused while the sender is there.
fn refuses_the_unknown(world: &World, smtp: SocketAddr) {
    let nobody = format!("nobody@{REPORTS}");
    let said = world.clients.swaks(smtp, world.envelope(&nobody), world.mail("for-nobody").as_bytes(), &[]);
    assert!(said.output.contains("<** 550"), "{said:?}");
}

/// What comes while the service is away waits in the MTA's queue, and counts when it is back.
async fn waits(world: &mut World, smtp: SocketAddr, again: impl Fn()) {
    let mailbox = world.mailbox();
    world.service.stop().await;
    world.clients.swaks(smtp, world.envelope(&mailbox), world.mail("late").as_bytes(), &[]).succeeded();
    world.service.start_again().await;
    until("the mail that waited", async || {
        again();
        let ledger = tlsrpt_tests::caught_up(&world.operator()).await;
        if ledger.accepted == 2 { Ok(()) } else { Err(format!("{ledger:?}")) }
    })
    .await;
    world.stored(2).await;
}

#[tokio::test]
async fn postfix_hands_over_by_lmtp_refuses_the_unknown_and_waits_for_the_service() {
    let Some((mut world, lmtp)) = world().await else { return };
    let postfix = Postfix::start(world.machine("postfix"), &recipe("Postfix", lmtp).concat());
    counts(&mut world, postfix.smtp(), || postfix.machine().logs()).await;
    refuses_the_unknown(&world, postfix.smtp());
    waits(&mut world, postfix.smtp(), || postfix.flush()).await;
    world.service.finish().await;
}

#[tokio::test]
async fn exim_hands_over_by_lmtp_and_refuses_the_unknown() {
    let Some((mut world, lmtp)) = world().await else { return };
    let recipe = recipe("Exim", lmtp);
    let [recipients, routers, transports] = &recipe[..] else { panic!("three blocks: {recipe:?}") };
    let exim = Exim::start(world.machine("exim"), &EximParts { recipients, routers, transports, ..EximParts::default() });
    counts(&mut world, exim.smtp(), || exim.machine().logs()).await;
    refuses_the_unknown(&world, exim.smtp());
    world.service.finish().await;
}

#[tokio::test]
async fn opensmtpd_hands_over_by_lmtp() {
    let Some((mut world, lmtp)) = world().await else { return };
    let opensmtpd = OpenSmtpd::start(world.machine("opensmtpd"), &recipe("OpenSMTPD", lmtp).concat());
    counts(&mut world, opensmtpd.smtp(), || opensmtpd.machine().logs()).await;
    world.service.finish().await;
}
