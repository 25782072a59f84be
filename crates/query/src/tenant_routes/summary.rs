//! `GET /v1/summary`.

use axum::Json;
use tlsrpt_store::Summary;

use super::narrow::Narrowed;
use crate::{auth::TenantKey, parameters::Asked, problem::Problem};

pub(crate) async fn answer(key: TenantKey, Asked(Narrowed(filter)): Asked<Narrowed>) -> Result<Json<Summary>, Problem> {
    Ok(Json(key.queries.summary(&filter).await?))
}
