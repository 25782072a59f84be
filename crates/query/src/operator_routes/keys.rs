//! `/admin/v1/tenants/{id}/keys`.

use std::time::Duration;

use axum::Json;
use serde::Serialize;
use tlsrpt_record::TenantId;
use tlsrpt_registry::{ApiKey, NewKey, OVERLAP_MAX, Scope, Scopes, is_expired};
use tlsrpt_report::{UnixMillis, UnixSeconds};

use super::tenants::existing;
use utoipa::ToSchema;

use crate::{
    audit::Note,
    auth::{Operator, Support},
    body_fields::{Fields, FromFields, Given},
    clock::now,
    description::{Created, Done, schemas},
    parameters::{Asked, Nothing},
    path_segments::Segments,
    problem::Problem,
};

/// How long a key that is followed by another stays valid when nothing is said.
const OVERLAP_DEFAULT: Duration = Duration::from_secs(7 * 86_400);

#[derive(Serialize, ToSchema)]
pub(crate) struct KeyEntry {
    id: String,
    name: String,
    scopes: Scopes,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
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
#[derive(Serialize, ToSchema)]
pub(crate) struct NewEntry<T> {
    #[serde(flatten)]
    #[schema(inline)]
    pub(super) entry: T,
    pub(super) key: String,
}

/// A key just made to follow another.
#[derive(Serialize, ToSchema)]
pub(crate) struct Rotated {
    #[serde(flatten)]
    new: NewEntry<KeyEntry>,
    follows: KeyEntry,
}

/// A key with its last use, to the second.
#[derive(Serialize, ToSchema)]
pub(crate) struct Used<T> {
    #[serde(flatten)]
    #[schema(inline)]
    pub(super) entry: T,
    /// Null: never. Left out: the database cannot tell now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, required = false)]
    pub(super) last_used: Option<Option<String>>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Keys<T> {
    pub(super) keys: Vec<Used<T>>,
}

/// A key to make.
#[derive(ToSchema)]
#[schema(example = json!({"name": "grafana", "scopes": ["read", "metrics"], "expires_at": "2100-01-01T00:00:00Z"}))]
pub(crate) struct WantedKey {
    #[schema(schema_with = schemas::name)]
    name: String,
    /// What it opens; everything when it is left out.
    #[schema(min_items = 1)]
    scopes: Option<Vec<Scope>>,
    /// From when on it opens nothing; never when it is left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<UnixMillis>,
}

impl FromFields for WantedKey {
    const NAMES: &'static [&'static str] = &["name", "scopes", "expires_at"];
    fn read(fields: &Fields) -> Result<Self, Problem> {
        Ok(Self {
            name: fields.name()?,
            scopes: fields.words("scopes", &Scope::ALL.map(|scope| (scope.as_str(), scope)))?,
            expires_at: fields.moment("expires_at")?,
        })
    }
}

impl From<WantedKey> for NewKey {
    fn from(WantedKey { name, scopes, expires_at }: WantedKey) -> Self {
        Self { name, scopes: scopes.map_or(Scopes::ALL, |scopes| scopes.into_iter().collect()), expires_at }
    }
}

pub(crate) async fn create(
    operator: Operator,
    note: Note,
    path: Segments,
    _: Asked<Nothing>,
    given: Given<WantedKey>,
) -> Result<Created<NewEntry<KeyEntry>>, Problem> {
    let id = path.read("id", TenantId::parse)?;
    let wanted = given.read()?.into();
    let (entry, key) = operator.command(|registry| async move { registry.create_key(&id, wanted).await }).await?;
    note.target(&entry.id);
    Ok(Created(NewEntry { entry: entry.into(), key }))
}

/// How a key is to be followed.
#[derive(ToSchema)]
#[schema(example = json!({"overlap_seconds": 86400}))]
pub(crate) struct Rotation {
    /// How long the old key stays valid; a week when it is left out.
    #[schema(minimum = 0, maximum = 2592000)]
    #[schema(required = false, nullable = false)]
    overlap_seconds: Option<u64>,
}

impl FromFields for Rotation {
    const NAMES: &'static [&'static str] = &["overlap_seconds"];
    const IS_OPTIONAL: bool = true;
    fn read(fields: &Fields) -> Result<Self, Problem> {
        Ok(Self { overlap_seconds: fields.whole("overlap_seconds", 0..=OVERLAP_MAX.as_secs())? })
    }
}

/// 201 with the new key; the old one is valid for the overlap.
pub(crate) async fn rotate(
    operator: Operator,
    path: Segments,
    _: Asked<Nothing>,
    given: Given<Rotation>,
) -> Result<Created<Rotated>, Problem> {
    let id = path.read("id", TenantId::parse)?;
    let key_id = key_id(&path)?;
    let overlap = given.read()?.overlap_seconds.map_or(OVERLAP_DEFAULT, Duration::from_secs);
    let rotated = operator.command(|registry| async move { registry.rotate_key(&id, &key_id, overlap).await }).await?;
    let (new, key, follows) = rotated;
    Ok(Created(Rotated { new: NewEntry { entry: new.into(), key }, follows: follows.into() }))
}

pub(crate) async fn list(support: Support, path: Segments, _: Asked<Nothing>) -> Result<Json<Keys<KeyEntry>>, Problem> {
    let tenant = existing(&support, &path)?;
    let keys = support.registry().keys(&tenant.id).into_iter().map(KeyEntry::from).collect();
    Ok(Json(Keys { keys: with_uses(&support, keys, |key| &key.id).await }))
}

pub(crate) async fn remove(operator: Operator, path: Segments, _: Asked<Nothing>) -> Result<Done, Problem> {
    let id = path.read("id", TenantId::parse)?;
    let key_id = key_id(&path)?;
    operator.command(|registry| async move { registry.delete_key(&id, &key_id).await }).await?;
    Ok(Done)
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
