//! Signatures whose keys are in a real name server.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use mail_auth::{
    common::{crypto::Ed25519Key, headers::HeaderWriter as _},
    dkim::DkimSigner,
};
use tlsrpt_tests::{Setup, until, wide_period};

use crate::world::{SUBMITTER, World};

/// Who signs, with a key of its own.
pub(crate) struct Signer {
    pkcs8: Vec<u8>,
}

impl Signer {
    pub(crate) fn new() -> Self {
        Self { pkcs8: Ed25519Key::generate_pkcs8().unwrap() }
    }

    fn key(&self) -> Ed25519Key {
        Ed25519Key::from_pkcs8_der(&self.pkcs8).unwrap()
    }

    /// The line of a zone with its key for `domain`, and further tags before the key.
    pub(crate) fn record(&self, domain: &str, tags: &str) -> String {
        let key = BASE64_STANDARD.encode(self.key().public_key());
        format!("s1._domainkey.{domain}. TXT \"v=DKIM1; k=ed25519; {tags}p={key}\"")
    }

    /// The mail with a signature of `domain` on top.
    pub(crate) fn sign(&self, domain: &str, mail: &str) -> String {
        let signer = DkimSigner::from_key(self.key()).domain(domain).selector("s1").headers(["From", "Subject", "TLS-Report-Submitter"]);
        signer.sign(mail.as_bytes()).unwrap().to_header() + mail
    }
}

#[tokio::test]
async fn a_reports_trust_is_what_its_signature_and_the_key_in_dns_say() {
    let Some(mut world) = World::start().await else { return };
    let (sender, provider, other, stranger) = (Signer::new(), Signer::new(), Signer::new(), Signer::new());
    world.dns.add(&sender.record(SUBMITTER, ""));
    world.dns.add(&provider.record("provider.example", ""));
    world.dns.add(&other.record("mailonly.sender.example", "s=email; "));

    world.send(&sender.sign(SUBMITTER, &world.mail("aligned")));
    world.send(&provider.sign("provider.example", &world.mail("not-aligned")));
    world.send(&other.sign("mailonly.sender.example", &world.mail("wrong-service")));
    world.send(&sender.sign(SUBMITTER, &world.mail("broken-body")).replace("This is an aggregate", "This was an aggregate"));
    world.send(&stranger.sign("nokey.sender.example", &world.mail("missing-key")));
    world.send(&world.mail("unsigned"));

    let ids = ["aligned", "not-aligned", "wrong-service", "broken-body", "missing-key", "unsigned"];
    let trust = world.counted(&ids).await;
    // A key that is for other services is evidence that is shown, and no refusal: hardly any sender sets it.
    assert_eq!(trust, ["dkim-aligned", "dkim-other", "dkim-aligned", "dkim-fail", "dkim-fail", "none"]);
    world.stored(6).await;
    world.service.finish().await;
}

/// Looks for deferred verdicts all the time.
const OFTEN: &str = "[query]\ndeferred_interval_ms = 100\ndeferred_retry_ms = 100\n[origin]\naway_retry_ms = 100\n";

#[tokio::test]
async fn a_mail_that_comes_while_dns_is_away_counts_at_once_and_is_verified_when_dns_is_back() {
    let allowed = |setup: Setup| setup.config(OFTEN).allow("DNS");
    let Some(mut world) = World::start_with(allowed).await else { return };
    let signer = Signer::new();
    world.dns.add(&signer.record(SUBMITTER, ""));
    world.dns.stop();
    world.send(&signer.sign(SUBMITTER, &world.mail("early")));
    assert_eq!(world.counted(&["early"]).await, ["none"]);

    world.dns.start_again();
    let tenant = world.service.tenant(&world.tenant.key);
    until("the signature is verified", async || {
        let reports = tenant.json(&format!("/v1/reports?{}", wide_period())).await;
        if reports["reports"][0]["trust"] == "dkim-aligned" { Ok(()) } else { Err(reports.to_string()) }
    })
    .await;
    assert_eq!(world.counted(&["early"]).await, ["dkim-aligned"]);
    world.stored(1).await;
    world.service.finish().await;
}
