//! Backups of a data directory: taken while the service runs, checked, and put back.
//!
//! A backup's way: [`take`] notes what the log's groups have committed → copies the small files → the database → the log's records →
//! writes the [`Manifest`] with a hash of each file → and gives the whole its name. [`place`] checks all of it again and makes a data
//! directory of it. Why this order loses nothing and counts nothing twice stands in docs/backup.md.
//!
//! Invariants: what has a backup's name is whole; nothing is put back that differs from the manifest; a directory that is half put back
//! says so, and no service starts on it; files are their owner's alone.

mod backups;
mod clock;
mod error;
mod files;
mod manifest;
mod place;
mod take;

pub use backups::{BackupState, BackupStatus, Backups, Refused};
pub use error::BackupError;
pub use files::copy_checked;
pub use manifest::{MANIFEST_FILE, Manifest, ManifestFile};
pub use place::{finish, is_half_placed, place};
pub use take::{DATABASE_DIR, Phase, Progress, Source, finish_copy, take, unfinished};
