//! The directory: one process at a time.

use std::{
    fs::{File, TryLockError},
    path::Path,
};

use crate::error::LogError;

/// The file that is locked.
pub(super) const LOCK_FILE: &str = "tlsrpt.lock";

/// The lock that keeps a second process out of the directory, held as long as the log is open: longer than any one engine.
pub(super) struct DirectoryLock {
    file: File,
}

impl DirectoryLock {
    /// Makes the directory when it is missing, and takes it.
    pub(super) fn acquire(dir: &Path) -> Result<Self, LogError> {
        let failed = |reason: String| LogError::Engine { action: format!("open the log in {}", dir.display()), reason };
        std::fs::create_dir_all(dir).map_err(|error| failed(format!("the directory cannot be made: {error}")))?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(dir.join(LOCK_FILE))
            .map_err(|error| failed(format!("its lock file cannot be opened: {error}")))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => {
                Err(failed("another process has it open; stop that process, or give this one a data directory of its own".to_owned()))
            }
            Err(TryLockError::Error(error)) => Err(failed(format!("its lock cannot be taken: {error}"))),
        }
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that is being started elsewhere in this one holds a copy of it for a moment.
        if let Err(error) = self.file.unlock() {
            tracing::warn!(%error, "the lock of the log's directory cannot be released");
        }
    }
}
