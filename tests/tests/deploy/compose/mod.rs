//! The image and the compose file, as far as they can be judged where no container engine runs.

mod clickhouse;
mod file;
mod image;
mod program;

use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use tlsrpt_tests::{repository, yaml::document};

/// The services that are ours, by the command that each runs.
const OURS: [&str; 5] = ["edge", "normalizer", "writer", "query", "migrate"];

/// The compose file.
fn compose() -> Value {
    document(&std::fs::read_to_string(repository("deploy/compose.yaml")).unwrap())
}

/// The services by name.
fn services() -> Vec<(String, Value)> {
    compose()["services"].as_object().unwrap().clone().into_iter().collect()
}

/// The secrets, as `deploy/make-secrets` makes them.
fn secrets() -> TempDir {
    let dir = TempDir::new().unwrap();
    let ran = Command::new(repository("deploy/make-secrets")).arg(dir.path()).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    dir
}
