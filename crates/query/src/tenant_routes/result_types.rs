//! `GET /v1/result-types`: what result types and warnings mean. The same for everybody.

use axum::Json;
use serde::Serialize;
use tlsrpt_report::{Explanation, ResultType, WarningCode};
use utoipa::ToSchema;

use crate::{
    auth::TenantKey,
    parameters::{Asked, Nothing},
};

#[derive(Serialize, ToSchema)]
#[schema(as = Explanations)]
pub(crate) struct Answer {
    result_types: Vec<Entry>,
    warnings: Vec<Entry>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ExplainedName)]
struct Entry {
    name: &'static str,
    #[serde(flatten)]
    explanation: Explanation,
}

pub(crate) async fn list(_: TenantKey, _: Asked<Nothing>) -> Json<Answer> {
    Json(Answer {
        result_types: ResultType::ALL.map(|result| Entry { name: result.as_str(), explanation: result.explanation() }).into(),
        warnings: WarningCode::ALL.iter().map(|code| Entry { name: code.as_str(), explanation: code.explanation() }).collect(),
    })
}
