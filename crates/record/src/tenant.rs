//! Tenant ids.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Longest tenant id.
pub const TENANT_ID_MAX_BYTES: usize = 63;

/// A tenant's id: 1 to 63 of `a-z`, `0-9`, `-`, `_`, `.`, chosen by the operator; first and last are a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$", example = "acme")]
pub struct TenantId(Arc<str>);

impl TenantId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// Checks `text`.
    ///
    /// # Errors
    /// [`TenantIdError`] when it is not of the form.
    pub fn parse(text: &str) -> Result<Self, TenantIdError> {
        let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let bytes = text.as_bytes();
        let ends = bytes.first().is_some_and(alphanumeric) && bytes.last().is_some_and(alphanumeric);
        let inner = bytes.iter().all(|b| alphanumeric(b) || matches!(b, b'-' | b'_' | b'.'));
        if ends && inner && bytes.len() <= TENANT_ID_MAX_BYTES { Ok(Self(text.into())) } else { Err(TenantIdError) }
    }
}

/// Not a tenant id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a tenant id: 1 to 63 of a-z, 0-9, '-', '_' and '.', first and last a letter or digit")]
pub struct TenantIdError;

impl TryFrom<String> for TenantId {
    type Error = TenantIdError;
    fn try_from(text: String) -> Result<Self, TenantIdError> {
        Self::parse(&text)
    }
}
impl From<TenantId> for String {
    fn from(id: TenantId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
