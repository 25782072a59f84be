//! Who asks.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use subtle::ConstantTimeEq as _;

use crate::embedded::config::{READONLY_USER, USER};
use crate::embedded::exception::Exception;

/// What a client may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rights {
    /// Everything.
    All,
    /// SELECTs on what is in the database.
    Read,
}

/// The tokens of the users.
pub(super) struct Tokens {
    pub(super) all: String,
    pub(super) readonly: Option<String>,
}

impl Tokens {
    /// Tells the rights of who sent `headers` and the parameters `user` and `password`.
    ///
    /// # Errors
    /// REQUIRED_PASSWORD without credentials, AUTHENTICATION_FAILED with wrong ones; the text does not tell which part is wrong.
    pub(super) fn check(&self, headers: &HeaderMap, parameters: &[(String, String)]) -> Result<Rights, Exception> {
        let (user, password) = credentials(headers, parameters)
            .ok_or_else(|| Exception::new(194, "REQUIRED_PASSWORD", "Authentication is required: send the user's name and token"))?;
        // Both comparisons run, and each in constant time, so that timing tells nothing of either token.
        let is_all = same(&user, USER) & same(&password, &self.all);
        let is_readonly = same(&user, READONLY_USER) & self.readonly.as_ref().is_some_and(|token| same(&password, token));
        if is_all {
            Ok(Rights::All)
        } else if is_readonly {
            Ok(Rights::Read)
        } else {
            let user = user.escape_debug();
            let message = format!("{user}: Authentication failed: password is incorrect, or there is no user with such name");
            Err(Exception::new(516, "AUTHENTICATION_FAILED", message))
        }
    }
}

fn same(given: &str, expected: &str) -> bool {
    given.as_bytes().ct_eq(expected.as_bytes()).into()
}

fn credentials(headers: &HeaderMap, parameters: &[(String, String)]) -> Option<(String, String)> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let parameter = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    if let Some(user) = header("x-clickhouse-user") {
        return Some((user, header("x-clickhouse-key").unwrap_or_default()));
    }
    let basic = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, encoded) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("basic").then_some(encoded)
    });
    if let Some(encoded) = basic {
        let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?;
        let decoded = String::from_utf8(decoded).ok()?;
        return decoded.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()));
    }
    parameter("user").map(|user| (user, parameter("password").unwrap_or_default()))
}
