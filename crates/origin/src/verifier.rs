//! The verifier: a mail and what is known of its delivery in, a verdict out.

use std::{
    borrow::Cow,
    net::IpAddr,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Instant, SystemTime},
};

use futures_util::FutureExt as _;
use tlsrpt_record::Origin;
use tlsrpt_report::{Trust, UnixMillis};

use crate::{
    config::{OriginConfig, OriginError},
    dkim::{self, Verified},
    dns::Dns,
    results::Results,
    sender,
};

/// A mail and what is known of its delivery.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The mail as received.
    pub raw: &'a [u8],
    /// When it was received: a signature that was valid then is valid.
    pub received_at: UnixMillis,
    /// The host that delivered it.
    pub remote_ip: Option<IpAddr>,
    /// The host name that it gave.
    pub helo: Option<&'a str>,
    /// The reverse-path.
    pub mail_from: Option<&'a str>,
}

/// What was found of a mail's origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How far the submitter is believed.
    pub trust: Trust,
    /// The evidence.
    pub origin: Origin,
}

impl Verdict {
    /// The verdict on a mail that nobody had the time to look at: it has to be looked at again.
    #[must_use]
    pub fn deferred() -> Self {
        let mut results = Results::default();
        results.method("dkim", "temperror").reason("there was no time to look at it");
        Self { trust: Trust::None, origin: Origin { authentication: results.finish(), signer: String::new(), deferred: true } }
    }
}

/// Verifies origins. It needs a tokio runtime when it is asked, none when it is made.
pub struct Verifier {
    config: OriginConfig,
    dns: Arc<Dns>,
}

impl Verifier {
    /// A verifier that asks the DNS servers of `config`; nothing is asked yet.
    ///
    /// # Errors
    /// [`OriginError`] when the resolver cannot be made.
    pub fn new(config: &OriginConfig) -> Result<Self, OriginError> {
        Ok(Self { config: config.clone(), dns: Dns::new(config)? })
    }

    /// Registers its metrics.
    ///
    /// # Errors
    /// When a name is registered already: one verifier a process.
    pub fn register(&self, registry: &prometheus::Registry) -> Result<(), OriginError> {
        self.dns.metrics.register(registry).map_err(OriginError::Metrics)
    }

    /// The verdict on a mail. Never fails: DNS that is away gives a deferred verdict. Hashing a large mail takes its time on
    /// the thread that asks.
    pub async fn verify(&self, evidence: &Evidence<'_>) -> Verdict {
        let started = Instant::now();
        // A fault in a parser must cost this mail its verdict, not the role.
        let verdict = AssertUnwindSafe(self.look(evidence)).catch_unwind().await.unwrap_or_else(|_| {
            tracing::error!("the origin of a mail could not be looked at: the verifier failed on it");
            let mut results = Results::default();
            results.method("dkim", "neutral").reason("the verifier failed on the mail");
            Verdict { trust: Trust::None, origin: Origin { authentication: results.finish(), ..Origin::default() } }
        });
        self.dns.metrics.verdict(verdict.trust, verdict.origin.deferred, started.elapsed().as_secs_f64());
        verdict
    }

    async fn look(&self, evidence: &Evidence<'_>) -> Verdict {
        let raw = with_crlf(without_envelope(evidence.raw));
        let mut results = Results::default();
        let signatures = dkim::verify(&raw, evidence.received_at, now(), self.config.signatures_max, &self.dns, &mut results);
        // The signatures' questions are asked at one time and have an end each; SPF's come one after the other.
        let sender = sender::look(evidence.remote_ip, evidence.helo, evidence.mail_from, &self.dns);
        let sender = tokio::time::timeout(self.config.mail_timeout(), sender);
        let (Verified { trust, signer, is_deferred }, sender) = tokio::join!(signatures, sender);
        if let Ok(Some(sender)) = sender {
            sender.write(&mut results);
        }
        Verdict { trust, origin: Origin { authentication: results.finish(), signer, deferred: is_deferred } }
    }
}

/// The mail without the line that an mbox file puts before it.
fn without_envelope(raw: &[u8]) -> &[u8] {
    if !raw.starts_with(b"From ") && !raw.starts_with(b">From ") {
        return raw;
    }
    let end = raw.iter().position(|&byte| byte == b'\n').map_or(raw.len(), |at| at + 1);
    raw.get(end..).unwrap_or_default()
}

/// The mail with the line ends that it was signed with: files often have others.
fn with_crlf(raw: &[u8]) -> Cow<'_, [u8]> {
    let is_bare = |at: usize| raw.get(at.wrapping_sub(1)) != Some(&b'\r');
    if !raw.iter().position(|&byte| byte == b'\n').is_some_and(is_bare) {
        return Cow::Borrowed(raw);
    }
    let mut text = Vec::with_capacity(raw.len() + raw.len() / 32);
    for line in raw.split_inclusive(|&byte| byte == b'\n') {
        match line {
            [head @ .., b'\n'] if head.last() != Some(&b'\r') => {
                text.extend_from_slice(head);
                text.extend_from_slice(b"\r\n");
            }
            line => text.extend_from_slice(line),
        }
    }
    Cow::Owned(text)
}

fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn bare_line_feeds_become_the_line_ends_that_were_signed() {
        assert_eq!(&*with_crlf(b"a\nb\r\nc\n\nd"), b"a\r\nb\r\nc\r\n\r\nd");
        assert!(matches!(with_crlf(b"a\r\nb\n"), Cow::Borrowed(_)));
        assert!(matches!(with_crlf(b""), Cow::Borrowed(_)));
        assert_eq!(&*with_crlf(b"\na"), b"\r\na");
    }
}
