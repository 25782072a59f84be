//! The key or token that a request carries.

use axum::http::{HeaderMap, header};

use crate::{
    oidc::TOKEN_MAX_BYTES,
    problem::{Kind, Problem},
};

/// The key or token in the one `Authorization` header (RFC 6750 2.1; the scheme's case does not matter, RFC 9110 11.1).
pub(super) fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let missing = || Problem::new(Kind::KeyMissing, "Send the key in one header: `Authorization: Bearer <key>`.");
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(missing()) };
    let (scheme, key) = value.to_str().ok().and_then(|value| value.trim().split_once(' ')).ok_or_else(missing)?;
    let key = key.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || key.is_empty() {
        return Err(missing());
    }
    if key.len() > TOKEN_MAX_BYTES { Err(unknown_key()) } else { Ok(key) }
}

/// The same answer for a key that never was, one that was deleted or has expired, one that opens other routes, and a token that is
/// refused for whatever reason.
pub(super) fn unknown_key() -> Problem {
    Problem::new(Kind::KeyUnknown, "The key or token in `Authorization: Bearer …` is not valid for this route.")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_bearer_key_is_read_whatever_the_schemes_case_and_never_from_two_headers() {
        let headers = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            headers
        };
        assert_eq!(bearer(&headers(&["bEARER  abc"])).unwrap(), "abc");
        for refused in [&[] as &[&str], &["Basic abc"], &["Bearer"], &["Bearer "], &["abc"], &["Bearer a", "Bearer a"]] {
            assert!(bearer(&headers(refused)).is_err(), "{refused:?}");
        }
    }
}
