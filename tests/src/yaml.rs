//! YAML as JSON values.

use serde_json::Value;

/// Every document of a text; those that are empty are left out.
///
/// # Panics
/// When it is no YAML.
pub fn documents(text: &str) -> Vec<Value> {
    let documents = serde_saphyr::from_multiple::<Value>(text).unwrap_or_else(|error| panic!("{error}:\n{text}"));
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

/// The one document of a text.
///
/// # Panics
/// When it is no YAML, or not one document.
pub fn document(text: &str) -> Value {
    let [document]: [Value; 1] = documents(text).try_into().unwrap_or_else(|all: Vec<_>| panic!("{} documents:\n{text}", all.len()));
    document
}
