//! Programs that scripts put into the cache directory.

use std::path::PathBuf;

use tlsrpt_fetched::cache_directory;

/// Of each program of `tests/`: its go.mod, and what it was built from.
const GO_PROGRAMS: [(&str, &str, &str); 3] = [
    ("clickhouse-go", include_str!("../clickhouse-go/go.mod"), include_str!("../clickhouse-go/main.go")),
    ("grafana-schema", include_str!("../grafana-schema/go.mod"), include_str!("../grafana-schema/main.go")),
    ("otel-collector", include_str!("../otel-collector/go.mod"), include_str!("../otel-collector/main.go")),
];
/// Of each Python package: its lock.
const PYTHON_PACKAGES: [(&str, &str); 1] = [("clickhouse-connect", include_str!("../../scripts/clickhouse-connect/requirements.lock"))];

/// The Go program of this name, which `scripts/fetch-NAME` built.
///
/// # Panics
/// When it is not there, or was built of another source.
pub fn go_program(name: &str) -> PathBuf {
    let (_, module, source) = GO_PROGRAMS.into_iter().find(|(known, ..)| *known == name).unwrap();
    let version = module.lines().find_map(|line| Some(line.trim_start_matches("require ").trim().rsplit_once(" v")?.1)).unwrap();
    let directory = cache_directory().join(name).join(version);
    let built_of = std::fs::read_to_string(directory.join("main.go")).unwrap_or_default();
    assert!(built_of == source, "{} is missing or old: run `make {name}`", directory.display());
    directory.join(name)
}

/// The Python environment with this package, which `scripts/fetch-NAME` made.
///
/// # Panics
/// When it is not there.
pub fn python_environment(name: &str) -> PathBuf {
    let (_, lock) = PYTHON_PACKAGES.into_iter().find(|(known, _)| *known == name).unwrap();
    let version = lock.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix("==")?.split(' ').next()).unwrap();
    let directory = cache_directory().join(name).join(version);
    assert!(directory.is_dir(), "{} is missing: run `make {name}`", directory.display());
    directory
}
