//! This machine: the limit on open files, and the embedded engine's library.

use rustix::process::{Resource, getrlimit};
use tlsrpt_store::embedded::find_library;

use super::{Finding, Role};
use crate::config::Config;

/// Files that a process needs beside its connections: the log's and the database's.
const FILES_BESIDE: u64 = 4_096;

/// Whether the hard limit, to which the service raises its own, is enough for its connections.
pub(super) fn open_files(config: &Config, role: Role) -> Vec<Finding> {
    let subject = "open files";
    let receivers = if role.receives() { config.edge.https.connections_max.saturating_add(config.edge.smtp.connections_max) } else { 0 };
    let needed = u64::try_from(receivers).unwrap_or(u64::MAX).saturating_add(FILES_BESIDE);
    vec![match getrlimit(Resource::Nofile).maximum {
        Some(limit) if limit < needed => {
            let found = format!("{limit} may be open, and {needed} may be needed: connections will be turned away");
            Finding::warn(subject, found, format!("set LimitNOFILE={needed} in the unit, or ulimit -Hn {needed}"))
        }
        Some(limit) => Finding::ok(subject, format!("{limit} may be open")),
        None => Finding::ok(subject, "there is no limit"),
    }]
}

/// Whether the embedded engine's library is where it is looked for.
pub(super) fn engine(config: &Config, role: Role) -> Vec<Finding> {
    let subject = "engine";
    if role != Role::AllInOne || config.store.clickhouse_url.is_some() {
        return Vec::new();
    }
    let remedy = "run make libchdb, or name the file: store.library (--libchdb); or use a server: store.clickhouse_url";
    vec![match &config.store.library {
        Some(library) if library.is_file() => Finding::ok(subject, format!("{} is there", library.display())),
        Some(library) => Finding::fail(subject, format!("{} is no file", library.display()), remedy),
        None => match find_library() {
            Ok(library) => Finding::ok(subject, format!("{} is there", library.display())),
            Err(error) => Finding::fail(subject, error.to_string(), remedy),
        },
    }]
}
