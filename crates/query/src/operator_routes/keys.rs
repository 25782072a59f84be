//! `/admin/v1/tenants/{id}/keys`.

use std::time::Duration;

use axum::{Json, http::StatusCode};
use serde::Serialize;
use tlsrpt_record::TenantId;
use tlsrpt_registry::{ApiKey, NewKey, OVERLAP_MAX, Scope, Scopes, is_expired};
use tlsrpt_report::UnixSeconds;

use super::tenants::existing;
use crate::{
    audit::Note,
    auth::{Operator, Support},
    body_fields::Fields,
    clock::now,
    parameters::{Asked, Nothing},
    path_segments::Segments,
    problem::Problem,
};

/// How long a key that is followed by another stays valid when nothing is said.
const OVERLAP_DEFAULT: Duration = Duration::from_secs(7 * 86_400);

#[derive(Serialize)]
pub(crate) struct KeyEntry {
    id: String,
    name: String,
    scopes: Scopes,
    created_at: String,
    expires_at: Option<String>,
    /// Whether it opens nothing any more.
    expired: bool,
    /// The key that was made to follow it.
    #[serde(skip_serializing_if = "Option::is_none")]
    followed_by: Option<String>,
}

impl From<ApiKey> for KeyEntry {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            scopes: key.scopes,
            created_at: key.created_at.rfc3339(),
            expires_at: key.expires_at.map(|at| at.rfc3339()),
            expired: is_expired(key.expires_at, now()),
            followed_by: key.followed_by,
        }
    }
}

/// A key just made; the only answer that ever holds a secret.
#[derive(Serialize)]
pub(crate) struct NewEntry<T> {
    #[serde(flatten)]
    pub(super) entry: T,
    pub(super) key: String,
}

/// A key just made to follow another.
#[derive(Serialize)]
pub(crate) struct Rotated {
    #[serde(flatten)]
    new: NewEntry<KeyEntry>,
    follows: KeyEntry,
}

/// A key with its last use, to the second.
#[derive(Serialize)]
pub(crate) struct Used<T> {
    #[serde(flatten)]
    pub(super) entry: T,
    /// Null: never. Left out: the database cannot tell now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_used: Option<Option<String>>,
}

#[derive(Serialize)]
pub(crate) struct Keys<T> {
    pub(super) keys: Vec<Used<T>>,
}

/// What is asked of a new key, in fields of these names.
pub(super) const KEY_FIELDS: &[&str] = &["name", "scopes", "expires_at"];

/// Reads what is asked of a new key.
pub(super) fn wanted(fields: &Fields) -> Result<NewKey, Problem> {
    let scopes = fields.words("scopes", &Scope::ALL.map(|scope| (scope.as_str(), scope)))?;
    Ok(NewKey {
        name: fields.text("name")?.trim().to_owned(),
        scopes: scopes.map_or(Scopes::ALL, |scopes| scopes.into_iter().collect()),
        expires_at: fields.moment("expires_at")?,
    })
}

pub(crate) async fn create(
    operator: Operator,
    note: Note,
    path: Segments,
    _: Asked<Nothing>,
    fields: Fields,
) -> Result<(StatusCode, Json<NewEntry<KeyEntry>>), Problem> {
    let id = path.read("id", TenantId::parse)?;
    let wanted = wanted(&fields.known(KEY_FIELDS)?)?;
    let (entry, key) = operator.command(|registry| async move { registry.create_key(&id, wanted).await }).await?;
    note.target(&entry.id);
    Ok((StatusCode::CREATED, Json(NewEntry { entry: entry.into(), key })))
}

/// 201 with the new key; the old one is valid for the overlap.
pub(crate) async fn rotate(
    operator: Operator,
    path: Segments,
    _: Asked<Nothing>,
    fields: Fields,
) -> Result<(StatusCode, Json<Rotated>), Problem> {
    let id = path.read("id", TenantId::parse)?;
    let key_id = key_id(&path)?;
    let seconds = fields.known(&["overlap_seconds"])?.whole("overlap_seconds", 0..=OVERLAP_MAX.as_secs())?;
    let overlap = seconds.map_or(OVERLAP_DEFAULT, Duration::from_secs);
    let rotated = operator.command(|registry| async move { registry.rotate_key(&id, &key_id, overlap).await }).await?;
    let (new, key, follows) = rotated;
    Ok((StatusCode::CREATED, Json(Rotated { new: NewEntry { entry: new.into(), key }, follows: follows.into() })))
}

pub(crate) async fn list(support: Support, path: Segments, _: Asked<Nothing>) -> Result<Json<Keys<KeyEntry>>, Problem> {
    let tenant = existing(&support, &path)?;
    let keys = support.registry().keys(&tenant.id).into_iter().map(KeyEntry::from).collect();
    Ok(Json(Keys { keys: with_uses(&support, keys, |key| &key.id).await }))
}

pub(crate) async fn remove(operator: Operator, path: Segments, _: Asked<Nothing>) -> Result<StatusCode, Problem> {
    let id = path.read("id", TenantId::parse)?;
    let key_id = key_id(&path)?;
    operator.command(|registry| async move { registry.delete_key(&id, &key_id).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The key that the path names.
pub(super) fn key_id(path: &Segments) -> Result<String, Problem> {
    path.read("key_id", |text| Ok::<_, std::convert::Infallible>(text.to_owned()))
}

/// Each key with its last use.
pub(super) async fn with_uses<T>(support: &Support, keys: Vec<T>, id: impl Fn(&T) -> &String) -> Vec<Used<T>> {
    let uses = support.uses().last(support.store(), keys.iter().map(|key| id(key).clone()).collect()).await;
    let last_used = |key: &T| uses.as_ref().map(|uses| uses.get(id(key)).copied().map(UnixSeconds::rfc3339));
    keys.into_iter().map(|entry| Used { last_used: last_used(&entry), entry }).collect()
}
