//! The Helm chart, rendered by the real helm.

mod network;
mod objects;
mod pods;
mod program;
mod values;

/// The sets of values in the chart's `ci`.
const SETS: [&str; 3] = ["minimal", "production", "everything"];
/// The roles.
const ROLES: [&str; 4] = ["edge", "normalizer", "writer", "query"];
