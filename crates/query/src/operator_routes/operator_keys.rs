//! `/admin/v1/keys`: the operators' own keys, beside the one of the configuration.

use axum::Json;
use serde::Serialize;
use tlsrpt_registry::{OperatorKey, Role, is_expired};
use tlsrpt_report::UnixMillis;

use super::keys::{Keys, NewEntry, key_id, with_uses};
use utoipa::ToSchema;

use crate::{
    auth::{Operator, Support},
    body_fields::{Fields, FromFields, Given},
    clock::now,
    description::{Created, Done, schemas},
    parameters::{Asked, Nothing},
    path_segments::Segments,
    problem::Problem,
};

#[derive(Serialize, ToSchema)]
pub(crate) struct OperatorKeyEntry {
    id: String,
    name: String,
    role: Role,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Whether it opens nothing any more.
    expired: bool,
}

impl From<OperatorKey> for OperatorKeyEntry {
    fn from(key: OperatorKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            role: key.role,
            created_at: key.created_at.rfc3339(),
            expires_at: key.expires_at.map(|at| at.rfc3339()),
            expired: is_expired(key.expires_at, now()),
        }
    }
}

/// A key to make.
#[derive(ToSchema)]
#[schema(example = json!({"name": "on call", "role": "support", "expires_at": "2100-01-01T00:00:00Z"}))]
pub(crate) struct WantedOperatorKey {
    #[schema(schema_with = schemas::name)]
    name: String,
    role: Role,
    /// From when on it opens nothing; never when it is left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<UnixMillis>,
}

impl FromFields for WantedOperatorKey {
    const NAMES: &'static [&'static str] = &["name", "role", "expires_at"];
    fn read(fields: &Fields) -> Result<Self, Problem> {
        Ok(Self {
            name: fields.name()?,
            role: fields.word("role", &Role::ALL.map(|role| (role.as_str(), role)))?,
            expires_at: fields.moment("expires_at")?,
        })
    }
}

pub(crate) async fn create(
    operator: Operator,
    _: Asked<Nothing>,
    given: Given<WantedOperatorKey>,
) -> Result<Created<NewEntry<OperatorKeyEntry>>, Problem> {
    let WantedOperatorKey { name, role, expires_at } = given.read()?;
    let made = operator.command(|registry| async move { registry.create_operator_key(name, role, expires_at).await }).await?;
    Ok(Created(NewEntry { entry: made.0.into(), key: made.1 }))
}

pub(crate) async fn list(support: Support, _: Asked<Nothing>) -> Result<Json<Keys<OperatorKeyEntry>>, Problem> {
    let keys = support.registry().operator_keys().into_iter().map(OperatorKeyEntry::from).collect();
    Ok(Json(Keys { keys: with_uses(&support, keys, |key| &key.id).await }))
}

pub(crate) async fn remove(operator: Operator, path: Segments, _: Asked<Nothing>) -> Result<Done, Problem> {
    let key_id = key_id(&path)?;
    operator.command(|registry| async move { registry.delete_operator_key(&key_id).await }).await?;
    Ok(Done)
}
