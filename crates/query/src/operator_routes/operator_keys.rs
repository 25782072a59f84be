//! `/admin/v1/keys`: the operators' own keys, beside the one of the configuration.

use axum::{Json, http::StatusCode};
use serde::Serialize;
use tlsrpt_registry::{OperatorKey, Role, is_expired};

use super::keys::{Keys, NewEntry, key_id, with_uses};
use crate::{
    auth::{Operator, Support},
    body_fields::Fields,
    clock::now,
    parameters::{Asked, Nothing},
    path_segments::Segments,
    problem::Problem,
};

#[derive(Serialize)]
pub(crate) struct OperatorKeyEntry {
    id: String,
    name: String,
    role: Role,
    created_at: String,
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

pub(crate) async fn create(
    operator: Operator,
    _: Asked<Nothing>,
    fields: Fields,
) -> Result<(StatusCode, Json<NewEntry<OperatorKeyEntry>>), Problem> {
    let fields = fields.known(&["name", "role", "expires_at"])?;
    let name = fields.text("name")?.trim().to_owned();
    let role = fields.word("role", &Role::ALL.map(|role| (role.as_str(), role)))?;
    let expires_at = fields.moment("expires_at")?;
    let made = operator.command(|registry| async move { registry.create_operator_key(name, role, expires_at).await }).await?;
    Ok((StatusCode::CREATED, Json(NewEntry { entry: made.0.into(), key: made.1 })))
}

pub(crate) async fn list(support: Support, _: Asked<Nothing>) -> Result<Json<Keys<OperatorKeyEntry>>, Problem> {
    let keys = support.registry().operator_keys().into_iter().map(OperatorKeyEntry::from).collect();
    Ok(Json(Keys { keys: with_uses(&support, keys, |key| &key.id).await }))
}

pub(crate) async fn remove(operator: Operator, path: Segments, _: Asked<Nothing>) -> Result<StatusCode, Problem> {
    let key_id = key_id(&path)?;
    operator.command(|registry| async move { registry.delete_operator_key(&key_id).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}
