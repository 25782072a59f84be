//! `GET /admin/v1/submissions`.

use serde::Deserialize;
use serde_json::Value;

use crate::client::Operator;

/// What the tests look at of an entry.
#[derive(Clone, Debug, Deserialize)]
pub struct AdminSubmission {
    /// Its id.
    pub submission_id: String,
    /// What became of it.
    pub fate: String,
    /// Code of the reject's reason.
    pub reason: Option<String>,
}

/// Every entry, page by page.
pub async fn all_submissions(operator: &Operator) -> Vec<AdminSubmission> {
    let mut entries = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = operator.json(&format!("/admin/v1/submissions?limit=500{cursor}")).await;
        let listed: Vec<AdminSubmission> = serde_json::from_value(page["submissions"].clone()).unwrap_or_else(|_| panic!("{page}"));
        entries.extend(listed);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return entries,
        }
    }
}

/// One submission's fate and reject reason, as `rejected too-deep` or `stored`.
pub async fn fate_of(operator: &Operator, id: &str) -> String {
    let entry: Value = operator.json(&format!("/admin/v1/submissions/{id}")).await;
    assert_eq!(entry["submission_id"], id, "{entry}");
    let fate = entry["fate"].as_str().unwrap_or_else(|| panic!("{entry}"));
    match entry["reason"].as_str() {
        Some(reason) => {
            assert!(entry["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "a reject says what was wrong: {entry}");
            format!("{fate} {reason}")
        }
        None => fate.to_owned(),
    }
}
