//! What a group of failures of one result type means, in short.

use serde::Serialize;
use serde_json::{Map, Value};
use tlsrpt_report::{Fixer, ResultType};
use utoipa::ToSchema;

/// The short form of what `GET /v1/result-types` tells.
#[derive(Serialize, ToSchema)]
pub(crate) struct Explained {
    title: &'static str,
    blocks_under_enforce: bool,
    who: Fixer,
}

impl Explained {
    /// Of a group by its dimensions; none when it is not of one result type.
    pub(crate) fn of(group: &Map<String, Value>) -> Option<Self> {
        let whole = ResultType::from_name(group.get("result_type")?.as_str()?)?.explanation();
        Some(Self { title: whole.title, blocks_under_enforce: whole.stops_mail_under_enforce, who: whole.who })
    }
}
