//! Where the repository is, whose files the suites hold against the program.

use std::path::{Path, PathBuf};

/// A path from the repository's root; with an empty one the root itself.
#[must_use]
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(|root| root.join(path)).unwrap_or_default()
}
