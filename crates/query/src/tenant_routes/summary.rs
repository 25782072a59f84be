//! `GET /v1/summary`.

use axum::Json;
use tlsrpt_store::Summary;

use super::narrow::Counted;
use crate::{auth::TenantKey, parameters::Asked, problem::Problem};

pub(crate) async fn answer(key: TenantKey, Asked(asked): Asked<Counted>) -> Result<Json<Summary>, Problem> {
    Ok(Json(key.queries.summary(&asked.by(&key)).await?))
}
