//! `/admin/v1/tenants/{id}/notifications/settings`.

use axum::Json;

use super::tenants::existing;
use crate::{
    auth::Support,
    parameters::{Asked, Nothing},
    path_segments::Segments,
    problem::Problem,
    tenant_routes::NotificationSettings,
};

pub(crate) async fn show(support: Support, path: Segments, _: Asked<Nothing>) -> Result<Json<NotificationSettings>, Problem> {
    let tenant = existing(&support, &path)?;
    let settings = support.registry().notifications(&tenant.id);
    Ok(Json(NotificationSettings::of(settings.as_ref(), support.courier().sends_mail())))
}
