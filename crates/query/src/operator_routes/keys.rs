//! `/admin/v1/tenants/{id}/keys`.

use axum::{Json, http::StatusCode};
use serde::Serialize;
use tlsrpt_record::TenantId;
use tlsrpt_registry::ApiKey;

use super::tenants::existing;
use crate::{
    audit::Note,
    auth::Operator,
    body_fields::Fields,
    parameters::{Asked, Nothing},
    path_segments::Segments,
    problem::Problem,
};

#[derive(Serialize)]
pub(crate) struct KeyEntry {
    id: String,
    name: String,
    created_at: String,
}

impl From<ApiKey> for KeyEntry {
    fn from(key: ApiKey) -> Self {
        Self { id: key.id, name: key.name, created_at: key.created_at.rfc3339() }
    }
}

/// A key just made; the only answer that ever holds a secret.
#[derive(Serialize)]
pub(crate) struct NewKey {
    #[serde(flatten)]
    entry: KeyEntry,
    key: String,
}

#[derive(Serialize)]
pub(crate) struct Keys {
    keys: Vec<KeyEntry>,
}

pub(crate) async fn create(
    operator: Operator,
    note: Note,
    path: Segments,
    _: Asked<Nothing>,
    fields: Fields,
) -> Result<(StatusCode, Json<NewKey>), Problem> {
    let id = path.read("id", TenantId::parse)?;
    let fields = fields.known(&["name"])?;
    let name = fields.text("name")?.trim().to_owned();
    let (entry, key) = operator.command(|registry| async move { registry.create_key(&id, name).await }).await?;
    note.target(&entry.id);
    Ok((StatusCode::CREATED, Json(NewKey { entry: entry.into(), key })))
}

pub(crate) async fn list(operator: Operator, path: Segments, _: Asked<Nothing>) -> Result<Json<Keys>, Problem> {
    let tenant = existing(&operator, &path)?;
    Ok(Json(Keys { keys: operator.registry().keys(&tenant.id).into_iter().map(KeyEntry::from).collect() }))
}

pub(crate) async fn remove(operator: Operator, path: Segments, _: Asked<Nothing>) -> Result<StatusCode, Problem> {
    let id = path.read("id", TenantId::parse)?;
    let key_id = path.read("key_id", |text| Ok::<_, std::convert::Infallible>(text.to_owned()))?;
    operator.command(|registry| async move { registry.delete_key(&id, &key_id).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}
