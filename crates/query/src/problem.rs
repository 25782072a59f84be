//! Every error that the API answers: RFC 9457 problem details.

use std::{borrow::Cow, error::Error};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tlsrpt_registry::CommandError;
use tlsrpt_store::StoreError;
pub(crate) use tlsrpt_telemetry::chain;
use utoipa::{
    ToSchema,
    openapi::{Object, ObjectBuilder, Type},
};

/// Media type of a problem (RFC 9457 3).
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// Declares the kinds once: variant, status, last segment of the `type`, title.
macro_rules! kinds {
    ($($variant:ident = $status:ident $slug:literal: $title:literal,)+) => {
        /// What kind of problem it is; decides status, `type` and title.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind {
            $(#[doc = $title] $variant,)+
        }

        impl Kind {
            /// Every kind.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The status of its answers.
            pub(crate) const fn status(self) -> StatusCode {
                match self {
                    $(Self::$variant => StatusCode::$status,)+
                }
            }

            /// The last segment of its `type`.
            pub(crate) const fn slug(self) -> &'static str {
                match self {
                    $(Self::$variant => $slug,)+
                }
            }

            /// What it is, in a few words, without a full stop.
            pub(crate) const fn title(self) -> &'static str {
                match self {
                    $(Self::$variant => $title,)+
                }
            }
        }
    };
}

kinds! {
    UnknownParameter = BAD_REQUEST "unknown-parameter": "The query has a parameter that is not known here",
    InvalidParameter = BAD_REQUEST "invalid-parameter": "A parameter's value is not understood",
    InvalidCursor = BAD_REQUEST "invalid-cursor": "The cursor is not one that a list answered",
    InvalidBody = BAD_REQUEST "invalid-body": "The body is not what this route takes",
    UnknownField = BAD_REQUEST "unknown-field": "The body has a field that is not known here",
    BodyTooLarge = PAYLOAD_TOO_LARGE "body-too-large": "The body is too large",
    EmptyPayload = UNSUPPORTED_MEDIA_TYPE "empty-payload": "There is nothing in the body",
    KeyMissing = UNAUTHORIZED "key-missing": "A key is needed",
    KeyUnknown = UNAUTHORIZED "key-unknown": "The key is not valid here",
    IssuerUnavailable = SERVICE_UNAVAILABLE "issuer-unavailable": "Tokens cannot be checked now",
    ScopeMissing = FORBIDDEN "scope-missing": "The key lacks the scope that is needed",
    RoleMissing = FORBIDDEN "role-missing": "The key lacks the role that is needed",
    KeyEnded = CONFLICT "key-ended": "The key has expired or is followed by another",
    NotFound = NOT_FOUND "not-found": "There is no such thing here",
    MethodNotAllowed = METHOD_NOT_ALLOWED "method-not-allowed": "The path does not take this method",
    TenantTaken = CONFLICT "tenant-taken": "The tenant exists already",
    DomainTaken = CONFLICT "domain-taken": "The domain belongs to another tenant",
    BackupRunning = CONFLICT "backup-running": "A backup is being taken",
    BackupUnavailable = CONFLICT "backup-unavailable": "This service has nothing to back up",
    PublicSuffix = UNPROCESSABLE_ENTITY "public-suffix": "A public suffix cannot be claimed",
    QueryTooLarge = UNPROCESSABLE_ENTITY "query-too-large": "The query is larger than its limits allow",
    PayloadTooLarge = UNPROCESSABLE_ENTITY "payload-too-large": "The payload is larger than the log takes",
    TooManyExports = TOO_MANY_REQUESTS "too-many-exports": "As many exports as may be are running",
    RateLimited = TOO_MANY_REQUESTS "rate-limited": "Too many requests came",
    TenantBusy = TOO_MANY_REQUESTS "tenant-busy": "Too many requests of the tenant are being worked on",
    Overloaded = SERVICE_UNAVAILABLE "overloaded": "Too many requests are being worked on",
    TimedOut = SERVICE_UNAVAILABLE "timed-out": "The request took longer than it may",
    StoreUnavailable = SERVICE_UNAVAILABLE "store-unavailable": "The database cannot be asked now",
    LogUnavailable = SERVICE_UNAVAILABLE "log-unavailable": "The log cannot be used now",
    RegistryUnavailable = SERVICE_UNAVAILABLE "registry-unavailable": "The registry cannot be changed now",
    Internal = INTERNAL_SERVER_ERROR "internal": "Something went wrong here",
}

impl Kind {
    /// Its `type`.
    fn type_uri(self) -> String {
        format!("/problems/{}", self.slug())
    }

    /// Seconds, unless the problem itself says how many.
    fn retry_after(self) -> Option<u64> {
        match self {
            Self::RateLimited | Self::TenantBusy | Self::Overloaded => Some(1),
            Self::TooManyExports => Some(30),
            Self::TimedOut | Self::StoreUnavailable | Self::LogUnavailable | Self::RegistryUnavailable | Self::IssuerUnavailable => Some(5),
            _ => None,
        }
    }

    /// Whether the request's body may be left unread: the connection ends with the answer, and a client that is not told so
    /// would send its next request into it.
    fn ends_connection(self) -> bool {
        matches!(self, Self::BodyTooLarge | Self::TimedOut | Self::Overloaded)
    }

    /// RFC 6750 3: a key that was presented and refused is an `invalid_token`; one that is missing is no error of the key.
    fn challenge(self) -> Option<&'static str> {
        match self {
            Self::KeyMissing => Some("Bearer realm=\"tlsrpt\""),
            Self::KeyUnknown => Some("Bearer realm=\"tlsrpt\", error=\"invalid_token\""),
            Self::ScopeMissing | Self::RoleMissing => Some("Bearer realm=\"tlsrpt\", error=\"insufficient_scope\""),
            _ => None,
        }
    }
}

/// An error as the API answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    kind: Kind,
    detail: Cow<'static, str>,
    /// The parameter or field that is meant.
    name: Option<String>,
    did_you_mean: Option<&'static str>,
    retry_after: Option<u64>,
}

/// The members of RFC 9457 3.1, and our own.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Body<'a> {
    /// The kind of problem, by which a program tells it from others.
    #[schema(schema_with = type_uris)]
    r#type: String,
    /// The kind in a few words.
    title: &'a str,
    /// The answer's status.
    status: u16,
    /// What is wrong with this request, and what to do.
    detail: &'a str,
    /// The parameter, field or value that is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    /// The nearest of the names that are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    did_you_mean: Option<&'a str>,
}

/// Every `type` that there is.
fn type_uris() -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Kind::ALL.iter().map(|kind| kind.type_uri()))).build()
}

/// Longest text of the asker's that an answer repeats.
const ECHO_MAX_CHARS: usize = 80;

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: detail.into(), name: None, did_you_mean: None, retry_after: kind.retry_after() }
    }

    /// The parameter or field that is meant.
    #[must_use]
    pub(crate) fn naming(mut self, name: &str) -> Self {
        self.name = Some(echo(name));
        self
    }

    /// The known name that is nearest to the one given.
    #[must_use]
    pub(crate) fn did_you_mean(mut self, nearest: Option<&'static str>) -> Self {
        self.did_you_mean = nearest;
        self
    }

    /// What the answer says, for where it stands among others.
    pub(crate) fn body(&self) -> Body<'_> {
        Body {
            r#type: self.kind.type_uri(),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: &self.detail,
            name: self.name.as_deref(),
            did_you_mean: self.did_you_mean,
        }
    }

    /// When to try again, in seconds.
    #[must_use]
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Nothing of this name here; says the same whether it exists elsewhere or nowhere.
    pub(crate) fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::NotFound, detail)
    }

    /// An error of ours, logged here; the answer tells nothing but the request's id in its header.
    pub(crate) fn internal(action: &'static str, error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error = chain(error), "{action}");
        Self::new(Kind::Internal, "The request failed for a reason of ours. Tell the operator the X-Request-Id of this answer.")
    }

    /// The log could not be asked or written; logged here.
    pub(crate) fn log(action: &'static str, error: &(dyn Error + 'static)) -> Self {
        tracing::warn!(error = chain(error), "{action}");
        Self::new(Kind::LogUnavailable, "The log cannot be used now. Try again in some seconds.")
    }
}

/// A text of the asker's as an answer repeats it: bounded, without control characters.
pub(crate) fn echo(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(ECHO_MAX_CHARS).collect()
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Retry { .. } => {
                tracing::warn!(error = chain(&error), "ask the database");
                Self::new(Kind::StoreUnavailable, "The database cannot be asked now. Try again in some seconds.")
            }
            StoreError::Cursor => Self::new(
                Kind::InvalidCursor,
                "Give the `next_cursor` of the page before, or leave `cursor` out to start from the beginning.",
            )
            .naming("cursor"),
            StoreError::TooLarge { .. } => Self::new(
                Kind::QueryTooLarge,
                "The query needs more time or memory than it may. Narrow the period or the domains, or group by less.",
            ),
            StoreError::TooManyPoints { steps, groups, points_max } => Self::new(
                Kind::QueryTooLarge,
                format!(
                    "{steps} steps for each of {groups} groups are more than {points_max} points. Ask for a shorter period or a longer \
                     `step` (week, month), or narrow or leave out what `group_by` groups."
                ),
            ),
            StoreError::Refused { .. } | StoreError::Newer { .. } => Self::internal("ask the database", &error),
        }
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        let kind = match &error {
            CommandError::TenantTaken { .. } | CommandError::TenantNamed { .. } => Kind::TenantTaken,
            CommandError::KeyExpired { .. } | CommandError::KeyFollowed { .. } => Kind::KeyEnded,
            CommandError::Expiry => return Self::new(Kind::InvalidBody, sentence(&error)).naming("expires_at"),
            CommandError::NoScopes => return Self::new(Kind::InvalidBody, sentence(&error)).naming("scopes"),
            CommandError::DomainTaken { .. } => Kind::DomainTaken,
            CommandError::NoTenant { .. } | CommandError::NoDomain { .. } | CommandError::NoKey { .. } | CommandError::NoWebhook => {
                Kind::NotFound
            }
            CommandError::PublicSuffix { .. } => Kind::PublicSuffix,
            CommandError::Name { .. } => return Self::new(Kind::InvalidBody, sentence(&error)).naming("name"),
            CommandError::Unavailable(_) => {
                tracing::warn!(error = chain(&error), "change the registry");
                return Self::new(Kind::RegistryUnavailable, "The registry cannot be changed now. Try again in some seconds.");
            }
        };
        Self::new(kind, sentence(&error))
    }
}

/// An error's words as a sentence.
pub(crate) fn sentence(error: &impl ToString) -> String {
    let words = error.to_string();
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = self.body();
        // Strings and a number always serialise.
        let mut response = (self.kind.status(), serde_json::to_vec(&body).unwrap_or_default()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind.ends_connection() {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(challenge) = self.kind.challenge() {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_problem_is_in_the_documentation_with_its_status() {
        let docs = include_str!("../../../docs/api.md");
        for kind in Kind::ALL {
            let row = format!("| {} | `{}` |", kind.status().as_u16(), kind.slug());
            assert!(docs.contains(&row), "docs/api.md has no row that begins {row:?}");
        }
    }
}
