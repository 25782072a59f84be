//! DKIM (RFC 6376) as reports need it: which signatures are looked at, which never count, and what follows from the rest.

use std::{borrow::Cow, sync::Arc};

use mail_auth::{
    AuthenticatedMessage, DkimResult, DnsError, Error, Parameters,
    common::crypto::{Algorithm, CryptoError},
    dkim::{DkimError, Signature},
};
use tlsrpt_report::{Domain, Trust, UnixMillis};

use crate::{alignment, dns::Dns, keys::Keys, results::Results};

/// Most header fields of a mail that is looked at: each name that a signature covers is searched among them.
const FIELDS_MAX_COUNT: usize = 1_000;
/// Most names that one signature may cover.
const COVERED_MAX_COUNT: usize = 200;
/// Most signatures that are looked at, however it is configured: each is a question to DNS and a line of the results.
const SIGNATURES_MAX_COUNT: usize = 20;
/// How long after a mail's receipt a key that is gone tells something: keys are kept for some days after their last use, and
/// nobody keeps them for years.
const KEYS_KEPT_MILLIS: i64 = 7 * 86_400_000;

/// How one signature ended.
struct Ended {
    result: &'static str,
    reason: Option<Cow<'static, str>>,
    class: Class,
    domain: String,
    selector: String,
    algorithm: &'static str,
    other_services: Option<String>,
    is_testing: bool,
    is_aligned: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Pass,
    /// For good.
    Fail,
    /// The key is not there.
    KeyGone,
    /// The key is not known for the moment.
    Temporary,
}

/// What DKIM says of a mail.
pub(crate) struct Verified {
    pub(crate) trust: Trust,
    pub(crate) signer: String,
    pub(crate) is_deferred: bool,
}

/// Verifies the signatures of a mail that was received at a moment, and writes what came of each.
pub(crate) async fn verify(
    raw: &[u8],
    received_at: UnixMillis,
    now: UnixMillis,
    signatures_max: usize,
    dns: &Arc<Dns>,
    results: &mut Results,
) -> Verified {
    let Some(mut message) = AuthenticatedMessage::parse(raw) else {
        results.method("dkim", "none");
        return Verified { trust: Trust::None, signer: String::new(), is_deferred: false };
    };
    let submitter = alignment::submitter(&message);
    let ended = signatures(&mut message, submitter.as_ref(), received_at, signatures_max.clamp(1, SIGNATURES_MAX_COUNT), dns).await;
    ended.iter().for_each(|ended| ended.write(results));
    if ended.is_empty() {
        results.method("dkim", "none");
    }
    let is_old = now.0.saturating_sub(received_at.0) > KEYS_KEPT_MILLIS;
    verdict(&ended, is_old)
}

/// The trust that follows (architecture: Trust), and whether a later look may give a better one.
fn verdict(ended: &[Ended], is_old: bool) -> Verified {
    let passes = || ended.iter().filter(|ended| ended.class == Class::Pass);
    let aligned = passes().find(|ended| ended.is_aligned);
    let is_pending = ended.iter().any(|ended| ended.class == Class::Temporary);
    let may_become_aligned = ended.iter().any(|ended| ended.class == Class::Temporary && ended.is_aligned);
    // A signer in test is to be treated as if he had not signed (RFC 6376 3.6.1); a key that is gone by now says nothing.
    let fails = ended.iter().any(|ended| !ended.is_testing && (ended.class == Class::Fail || ended.class == Class::KeyGone && !is_old));
    let (trust, is_deferred) = match (aligned, passes().next()) {
        (Some(_), _) => (Trust::DkimAligned, false),
        (None, Some(_)) => (Trust::DkimOther, may_become_aligned),
        (None, None) if is_pending => (Trust::None, true),
        (None, None) => (if fails { Trust::DkimFail } else { Trust::None }, false),
    };
    let signer = aligned.or_else(|| passes().next()).map(|ended| ended.domain.clone()).unwrap_or_default();
    Verified { trust, signer, is_deferred }
}

async fn signatures(
    message: &mut AuthenticatedMessage<'_>,
    submitter: Option<&Domain>,
    received_at: UnixMillis,
    signatures_max: usize,
    dns: &Arc<Dns>,
) -> Vec<Ended> {
    let is_aligned = |signature: &Signature| match (submitter, Domain::parse(&signature.d)) {
        (Some(submitter), Ok(signer)) => alignment::is_aligned(submitter, &signer),
        _ => false,
    };
    // Those of the submitter first; of equals the one that stands above.
    message.dkim_headers.sort_by_key(|header| !is_aligned(&header.header));
    let left_out = message.dkim_headers.len().saturating_sub(signatures_max);
    message.dkim_headers.truncate(signatures_max);
    if left_out > 0 {
        tracing::debug!(left_out, "a mail has more signatures than are looked at");
    }

    // The library passes over some of those that it cannot read.
    let unreadable = std::mem::take(&mut message.errors).into_iter().filter(|header| alignment::is_named(header.name, "dkim-signature"));
    let mut ended: Vec<Ended> = unreadable
        .take(signatures_max.saturating_sub(message.dkim_headers.len()))
        .map(|header| {
            let (result, reason, class) = refusal(&header.header);
            Ended::of(&Signature::default(), result, Some(reason), class, false)
        })
        .collect();
    let too_many_fields = message.headers.len() > FIELDS_MAX_COUNT;
    message.dkim_headers.retain(|header| {
        let signature = &header.header;
        let refused = if too_many_fields { Some("the mail has too many header fields") } else { never_counts(signature) };
        if let Some(reason) = refused {
            ended.push(Ended::of(signature, "policy", Some(reason.into()), Class::Fail, is_aligned(signature)));
        }
        refused.is_none()
    });
    for header in &mut message.dkim_headers {
        let signature = &mut header.header;
        // Valid when it was received is valid: a replay or an import looks later.
        if signature.x > signature.t && i64::try_from(signature.x).is_ok_and(|expires| expires > received_at.0 / 1000) {
            signature.x = 0;
        }
        // Reports of failures and third-party signatures would ask DNS for what is not needed.
        signature.r = false;
        signature.atps = None;
    }

    let keys = Keys::of(message.dkim_headers.iter().map(|header| &header.header), dns).await;
    let outputs = dns.authenticator().verify_dkim(Parameters::new(&*message).with_txt_cache(&keys)).await;
    ended.extend(outputs.iter().filter_map(|output| {
        let signature = output.signature()?;
        let (result, reason, class) = read(output.result());
        let ended = Ended::of(signature, result, reason, class, is_aligned(signature));
        Some(Ended { other_services: keys.other_services(signature).map(str::to_owned), is_testing: keys.is_testing(signature), ..ended })
    }));
    ended
}

/// Why a signature never counts, whatever its key says.
fn never_counts(signature: &Signature) -> Option<&'static str> {
    if !signature.h.iter().any(|name| name.eq_ignore_ascii_case("from")) {
        // RFC 6376 5.4: the signer has to cover it, and the library does not look.
        Some("From is not signed")
    } else if signature.h.len() > COVERED_MAX_COUNT {
        Some("it covers too many header fields")
    } else if signature.a == Algorithm::RsaSha1 {
        // RFC 8301 3.1.
        Some("rsa-sha1 is not secure")
    } else if Domain::parse(&signature.d).is_err() {
        Some("d= is no domain")
    } else {
        None
    }
}

/// A result of the library in words of RFC 8601 2.7.1.
fn read(result: &DkimResult) -> (&'static str, Option<Cow<'static, str>>, Class) {
    match result {
        DkimResult::Pass => ("pass", None, Class::Pass),
        DkimResult::None => ("neutral", None, Class::Fail),
        DkimResult::Neutral(error) | DkimResult::Fail(error) | DkimResult::PermError(error) | DkimResult::TempError(error) => {
            let (result, reason, class) = refusal(error);
            (result, Some(reason), class)
        }
    }
}

fn refusal(error: &Error) -> (&'static str, Cow<'static, str>, Class) {
    let (result, reason, class) = match error {
        Error::Dns(DnsError::Resolver(_)) => ("temperror", "the key cannot be had from DNS for the moment", Class::Temporary),
        Error::Dns(_) => ("permerror", "there is no key", Class::KeyGone),
        Error::Dkim(DkimError::RevokedPublicKey) => ("permerror", "the key was revoked", Class::KeyGone),
        Error::Dkim(DkimError::FailedBodyHashMatch) => ("fail", "the body was changed", Class::Fail),
        // A key below 1024 bits ends here too (RFC 8301 3.2).
        Error::Crypto(CryptoError::FailedVerification) => ("fail", "the signature does not fit header and key", Class::Fail),
        Error::Dkim(DkimError::FailedAuidMatch) => ("permerror", "i= is not of the domain in d=", Class::Fail),
        // RFC 8460 3 forbids it, since a body can be appended to.
        Error::Dkim(DkimError::SignatureLength) => ("policy", "l= leaves a part of the body unsigned", Class::Fail),
        Error::Dkim(DkimError::SignatureExpired) => ("neutral", "it had expired", Class::Fail),
        other => return ("neutral", other.to_string().into(), Class::Fail),
    };
    (result, reason.into(), class)
}

impl Ended {
    fn of(signature: &Signature, result: &'static str, reason: Option<Cow<'static, str>>, class: Class, is_aligned: bool) -> Self {
        Self {
            result,
            reason,
            class,
            domain: Domain::parse(&signature.d).map_or_else(|_| signature.d.clone(), String::from),
            selector: signature.s.clone(),
            algorithm: signature.a.name(),
            other_services: None,
            is_testing: false,
            is_aligned,
        }
    }

    fn write(&self, results: &mut Results) {
        let line = results.method("dkim", self.result);
        if let Some(reason) = &self.reason {
            line.reason(reason);
        }
        // A field that could not be read names nobody.
        if !self.domain.is_empty() {
            line.property("header.d", &self.domain).property("header.s", &self.selector).property("header.a", self.algorithm);
        }
        if let Some(services) = &self.other_services {
            line.comment(&format!("the key is for service {services} and not for tlsrpt"));
        }
        if self.is_testing {
            line.comment("the key is in test");
        }
    }
}
