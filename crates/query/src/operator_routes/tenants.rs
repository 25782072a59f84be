//! `/admin/v1/tenants`.

use axum::Json;
use serde::Serialize;
use tlsrpt_record::TenantId;
use tlsrpt_registry::{CommandError, Tenant};
use utoipa::ToSchema;

use crate::{
    audit::Note,
    auth::{Operator, Support},
    body_fields::{Fields, FromFields, Given},
    description::{Created, DoneSee, schemas},
    parameters::{Asked, Nothing, Page},
    path_segments::Segments,
    problem::{Kind, Problem},
};

#[derive(Serialize, ToSchema)]
pub(crate) struct TenantEntry {
    id: TenantId,
    name: String,
    /// Local part of its `mailto:` address and last segment of its `https:` address.
    address: String,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<Tenant> for TenantEntry {
    fn from(tenant: Tenant) -> Self {
        Self { id: tenant.id, name: tenant.name, address: tenant.address, created_at: tenant.created_at.rfc3339() }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Tenants {
    tenants: Vec<TenantEntry>,
    next_cursor: Option<String>,
}

/// One tenant with how much it has.
#[derive(Serialize, ToSchema)]
pub(crate) struct TenantDetail {
    #[serde(flatten)]
    tenant: TenantEntry,
    domains: usize,
    keys: usize,
}

/// A tenant to make.
#[derive(ToSchema)]
#[schema(example = json!({"id": "acme", "name": "Acme"}))]
pub(crate) struct NewTenant {
    id: TenantId,
    #[schema(schema_with = schemas::name)]
    name: String,
}

impl FromFields for NewTenant {
    const NAMES: &'static [&'static str] = &["id", "name"];
    fn read(fields: &Fields) -> Result<Self, Problem> {
        Ok(Self { id: fields.read("id", TenantId::parse)?, name: fields.name()? })
    }
}

pub(crate) async fn create(
    operator: Operator,
    note: Note,
    _: Asked<Nothing>,
    given: Given<NewTenant>,
) -> Result<Created<TenantEntry>, Problem> {
    let NewTenant { id, name } = given.read()?;
    note.tenant(id.as_str());
    note.target(id.as_str());
    let tenant = operator.command(|registry| async move { registry.create_tenant(id, name).await }).await?;
    Ok(Created(tenant.into()))
}

pub(crate) async fn list(support: Support, Asked(page): Asked<Page>) -> Result<Json<Tenants>, Problem> {
    let (tenants, next_cursor) = by_id(&page, |after, limit| support.registry().tenants(after, limit), |tenant| &tenant.id)?;
    Ok(Json(Tenants { tenants: tenants.into_iter().map(TenantEntry::from).collect(), next_cursor }))
}

pub(crate) async fn one(support: Support, path: Segments, _: Asked<Nothing>) -> Result<Json<TenantDetail>, Problem> {
    let tenant = existing(&support, &path)?;
    let (domains, keys) = (support.registry().domains(&tenant.id).len(), support.registry().keys(&tenant.id).len());
    Ok(Json(TenantDetail { tenant: tenant.into(), domains, keys }))
}

/// Another name.
#[derive(ToSchema)]
#[schema(example = json!({"name": "Acme Ltd"}))]
pub(crate) struct NewName {
    #[schema(schema_with = schemas::name)]
    name: String,
}

impl FromFields for NewName {
    const NAMES: &'static [&'static str] = &["name"];
    fn read(fields: &Fields) -> Result<Self, Problem> {
        Ok(Self { name: fields.name()? })
    }
}

/// Gives it another name.
pub(crate) async fn rename(
    operator: Operator,
    path: Segments,
    _: Asked<Nothing>,
    given: Given<NewName>,
) -> Result<Json<TenantEntry>, Problem> {
    let id = path.read("id", TenantId::parse)?;
    let NewName { name } = given.read()?;
    let tenant = operator.command(|registry| async move { registry.rename_tenant(&id, name).await }).await?;
    Ok(Json(tenant.into()))
}

/// Its keys and domains are gone when it answers; the rest goes in the background, and the answer says where that is told.
pub(crate) async fn remove(operator: Operator, path: Segments, _: Asked<Nothing>) -> Result<DoneSee, Problem> {
    let id = path.read("id", TenantId::parse)?;
    let erasure = format!("/admin/v1/erasures/{id}");
    operator.command(|registry| async move { registry.delete_tenant(&id).await }).await?;
    Ok(DoneSee(erasure))
}

/// A page of what `list` has after an id, and the cursor of the next: the last id of this one.
pub(super) fn by_id<T>(
    page: &Page,
    list: impl FnOnce(Option<&TenantId>, usize) -> Vec<T>,
    id: impl FnOnce(&T) -> &TenantId,
) -> Result<(Vec<T>, Option<String>), Problem> {
    let after = page.cursor.as_deref().map(TenantId::parse).transpose().map_err(|_| {
        Problem::new(Kind::InvalidCursor, "Give the `next_cursor` of the page before, or leave `cursor` out to start from the beginning.")
            .naming("cursor")
    })?;
    // One more than asked tells whether another page follows.
    let mut found = list(after.as_ref(), page.limit + 1);
    let more = found.len() > page.limit;
    found.truncate(page.limit);
    let next_cursor = found.last().filter(|_| more).map(|last| id(last).as_str().to_owned());
    Ok((found, next_cursor))
}

/// The tenant that the path names.
pub(crate) fn existing(support: &Support, path: &Segments) -> Result<Tenant, Problem> {
    let id = path.read("id", TenantId::parse)?;
    support.registry().tenant(&id).ok_or_else(|| CommandError::NoTenant { id }.into())
}
