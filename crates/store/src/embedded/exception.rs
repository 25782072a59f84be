//! ClickHouse's exceptions: code, text and HTTP status.

use axum::http::StatusCode;

/// An exception as ClickHouse reports it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(super) struct Exception {
    /// ClickHouse's error code.
    pub(super) code: u32,
    /// `Code: 60. DB::Exception: …`, without the version.
    pub(super) text: String,
}

impl Exception {
    /// An exception of our own; `name` is ClickHouse's name of the code.
    pub(super) fn new(code: u32, name: &str, message: impl std::fmt::Display) -> Self {
        Self { code, text: format!("Code: {code}. DB::Exception: {message}. ({name})") }
    }

    /// Reads the code out of the engine's text. A text without one is the engine's `LOGICAL_ERROR`-like 1002 (UNKNOWN_EXCEPTION).
    pub(super) fn from_engine(text: &str) -> Self {
        let text = text.trim();
        let code = text.strip_prefix("Code: ").and_then(|rest| rest.split_once('.')).and_then(|(code, _)| code.trim().parse().ok());
        match code {
            Some(code) => {
                // The engine adds its version in some places only; `with_version` adds it everywhere.
                let text = text.rfind(" (version ").map_or(text, |at| {
                    let (head, tail) = text.split_at(at);
                    if tail.ends_with(')') { head } else { text }
                });
                Self { code, text: text.to_owned() }
            }
            None => Self::new(1002, "UNKNOWN_EXCEPTION", text),
        }
    }

    /// The client went away, or its request broke off.
    pub(super) fn broken_body(reason: impl std::fmt::Display) -> Self {
        Self::new(33, "CANNOT_READ_ALL_DATA", format!("The request's body ended early, nothing of it was used: {reason}"))
    }

    /// The full text of a response body, without the final line break.
    pub(super) fn with_version(&self, version: &str) -> String {
        format!("{} (version {version} (official build))", self.text)
    }

    /// ClickHouse's HTTP status for the code.
    pub(super) fn status(&self) -> StatusCode {
        match self.code {
            // CANNOT_PARSE_*, ILLEGAL_*, TYPE_MISMATCH, SYNTAX_ERROR, …: the request is wrong.
            6 | 26 | 27 | 36 | 38 | 41 | 43 | 44 | 53 | 62 | 69 | 72 | 117 | 125 | 130 | 167 | 168 | 190 | 207 | 321 | 427 | 457 => {
                StatusCode::BAD_REQUEST
            }
            // REQUIRED_PASSWORD
            194 => StatusCode::UNAUTHORIZED,
            // UNKNOWN_USER, WRONG_PASSWORD, ACCESS_DENIED, SET_NON_GRANTED_ROLE, AUTHENTICATION_FAILED
            192 | 193 | 497 | 512 | 516 => StatusCode::FORBIDDEN,
            // UNKNOWN_*: what the request names is not there.
            46 | 47 | 50 | 56 | 60 | 63 | 73 | 78 | 81 | 115 | 336 | 372 => StatusCode::NOT_FOUND,
            // TIMEOUT_EXCEEDED
            159 => StatusCode::REQUEST_TIMEOUT,
            // QUERY_IS_TOO_LARGE
            55 => StatusCode::PAYLOAD_TOO_LARGE,
            // NOT_IMPLEMENTED
            48 => StatusCode::NOT_IMPLEMENTED,
            // SOCKET_TIMEOUT, CANNOT_SCHEDULE_TASK
            209 | 439 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}
