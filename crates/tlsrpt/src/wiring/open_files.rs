//! The limit on open files: every connection is one.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the soft limit to the hard one. Systems keep the soft limit low (1,024) for programs that use `select`, which this one
/// does not, and leave it to the program to ask for more; connections would be turned away long before `connections_max`.
pub(super) fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    let found = limit.current;
    if found == limit.maximum {
        return;
    }
    limit.current = limit.maximum;
    match setrlimit(Resource::Nofile, limit) {
        Ok(()) => tracing::debug!(?found, raised_to = ?limit.maximum, "limit on open files raised"),
        Err(error) => {
            tracing::warn!(%error, ?found, "the limit on open files could not be raised: the number of connections is bound by it")
        }
    }
}
