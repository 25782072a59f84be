//! What can go wrong.

use std::{io, path::PathBuf};

use tlsrpt_log::LogError;
use tlsrpt_store::StoreError;

/// A backup could not be taken or put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file or directory could not be read or written.
    #[error("{action} {}", path.display())]
    File {
        /// Verb.
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The log could not be copied.
    #[error("copy the log")]
    Log(#[from] LogError),
    /// The database could not be copied.
    #[error("copy the database")]
    Store(#[from] StoreError),
    /// There is no room for it.
    #[error("a backup takes up to {needed_bytes} bytes, and the disk of {} has {free_bytes} free: make room, or name a directory on another disk (backup.dir)", dir.display())]
    NoRoom {
        /// Where it was to be.
        dir: PathBuf,
        /// What it may take, and what has to stay free.
        needed_bytes: u64,
        /// What there is.
        free_bytes: u64,
    },
    /// While the backup was taken, a tenant's erasure was completed, which the copies would tell differently of.
    #[error("the erasure of a tenant was completed while the backup was taken: take it again")]
    ErasureCompleted,
    /// A directory that has to be empty is not.
    #[error("{} is not empty: name a directory that is empty or not there", dir.display())]
    NotEmpty {
        /// Which.
        dir: PathBuf,
    },
    /// It is no backup, or not a whole one.
    #[error("{} is no whole backup: {reason}", dir.display())]
    NotWhole {
        /// Where.
        dir: PathBuf,
        /// What is missing or not understood.
        reason: String,
    },
    /// A file is not as it was when the backup was taken.
    #[error("{} is damaged: {reason}; nothing was restored", file.display())]
    Damaged {
        /// Which.
        file: PathBuf,
        /// How it differs.
        reason: String,
    },
    /// A newer program has made it.
    #[error(
        "the backup has {what} {found}, and this program knows {known}: restore it with the program that made it ({program}), or a newer one"
    )]
    Newer {
        /// The format, or the database's schema.
        what: &'static str,
        /// The backup's.
        found: u32,
        /// This program's.
        known: u32,
        /// Version of the program that made it.
        program: String,
    },
    /// The work on it broke off.
    #[error("the work on the backup broke off")]
    BrokeOff,
}

impl BackupError {
    /// Of a file or directory.
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}
