//! What a verified token says: for whom, for how long, for which tenant and with which scopes (RFC 7519 4.1, RFC 9068 2.2 and 4).

use serde_json::{Map, Value};
use tlsrpt_record::TenantId;
use tlsrpt_registry::Scopes;
use tlsrpt_report::UnixMillis;

use super::{OidcConfig, Refusal, TokenGrant};

/// How far the clocks of the issuer and of this machine may be apart, seconds.
const SKEW_SECONDS: f64 = 60.0;

/// Longest subject, bytes (OpenID Connect Core 1.0 2).
const SUBJECT_MAX_BYTES: usize = 255;

/// Claims of ID tokens alone: hashes of what was given out beside them (OpenID Connect Core 1.0 3.1.3.6, 3.3.2.11).
const OF_ID_TOKENS: [&str; 3] = ["at_hash", "c_hash", "s_hash"];
/// Claims by which issuers say what a token is where they leave it out of the header, and what stands for an access token.
const KINDS: [(&str, &str); 2] = [("token_use", "access"), ("typ", "Bearer")];

/// What the payload of a verified token opens at this moment. Whether the tenant exists is not known here.
pub(super) fn grant(payload: &[u8], config: &OidcConfig, now: UnixMillis) -> Result<TokenGrant, Refusal> {
    let claims: Map<String, Value> = serde_json::from_slice(payload).map_err(|_| Refusal::Malformed)?;
    if text(&claims, "iss") != Some(config.issuer.as_str()) {
        return Err(Refusal::Issuer);
    }
    if !names(claims.get("aud"), config.audience.as_str()) {
        return Err(Refusal::Audience);
    }
    is_access_token(&claims)?;
    is_valid(&claims, now)?;
    let subject = text(&claims, "sub").filter(|subject| is_subject(subject)).ok_or(Refusal::Subject)?;
    let tenant = text(&claims, &config.tenant_claim).ok_or(Refusal::Tenant)?;
    Ok(TokenGrant {
        tenant: TenantId::parse(tenant).map_err(|_| Refusal::Tenant)?,
        scopes: scopes(claims.get(&config.scopes_claim), &config.scope_prefix),
        subject: subject.to_owned(),
    })
}

fn text<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c str> {
    claims.get(name).and_then(Value::as_str)
}

/// Whether an `aud` is this name, or a list with it.
fn names(audience: Option<&Value>, name: &str) -> bool {
    match audience {
        Some(Value::String(one)) => one == name,
        Some(Value::Array(several)) => several.iter().any(|one| one == name),
        _ => false,
    }
}

/// An ID token tells a client who signed in, and opens nothing. Nor does a token that is bound to a key of its holder's (RFC 7800 3.1)
/// without that key, for which nobody asks here.
fn is_access_token(claims: &Map<String, Value>) -> Result<(), Refusal> {
    let is_other = |(claim, access): &(&str, &str)| text(claims, claim).is_some_and(|kind| !kind.eq_ignore_ascii_case(access));
    let is_of_id_tokens = OF_ID_TOKENS.iter().any(|claim| claims.contains_key(*claim));
    if is_of_id_tokens || KINDS.iter().any(is_other) || claims.contains_key("cnf") { Err(Refusal::WrongType) } else { Ok(()) }
}

/// RFC 7519 4.1.4 and 4.1.5. A token without an end is none.
fn is_valid(claims: &Map<String, Value>, now: UnixMillis) -> Result<(), Refusal> {
    // Exact for more than a hundred thousand years.
    #[allow(clippy::cast_precision_loss)]
    let now = now.0 as f64 / 1000.0;
    let expires = claims.get("exp").and_then(Value::as_f64).ok_or(Refusal::Expired)?;
    if now >= expires + SKEW_SECONDS {
        return Err(Refusal::Expired);
    }
    match claims.get("nbf") {
        None => Ok(()),
        Some(begins) => begins.as_f64().filter(|begins| now + SKEW_SECONDS >= *begins).map(drop).ok_or(Refusal::NotYet),
    }
}

/// A subject stands in audit entries, so it has to be one that can be read there.
fn is_subject(subject: &str) -> bool {
    (1..=SUBJECT_MAX_BYTES).contains(&subject.len()) && subject.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The scopes that are known here; others are the business of other services (RFC 6749 3.3, RFC 8693 4.2).
fn scopes(claim: Option<&Value>, prefix: &str) -> Scopes {
    let known = |name: &str| name.strip_prefix(prefix).map(str::to_owned);
    let names: Vec<String> = match claim {
        Some(Value::String(names)) => names.split(' ').filter_map(known).collect(),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).filter_map(known).collect(),
        _ => Vec::new(),
    };
    Scopes::from(names)
}
