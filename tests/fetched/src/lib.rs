//! Where the tests find what `scripts/fetch-…` fetched: servers and clients that are not ours.
//!
//! Invariants: nothing is fetched or started here.

use std::{env, path::PathBuf};

/// The cache directory, as `scripts/fetching` has it: `TLSRPT_CACHE_DIR`, else `$XDG_CACHE_HOME/tlsrpt`, else `~/.cache/tlsrpt`.
#[must_use]
pub fn cache_directory() -> PathBuf {
    let of_the_user = || {
        let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
        cache.unwrap_or_default().join("tlsrpt")
    };
    set("TLSRPT_CACHE_DIR").unwrap_or_else(of_the_user)
}

/// The path that a variable names; none when it is unset or empty.
#[must_use]
pub fn set(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The version that a list of what is fetched names, in a line `version …`.
#[must_use]
pub fn version(list: &'static str) -> &'static str {
    list.lines().find_map(|line| line.strip_prefix("version ")).unwrap_or_default()
}
