//! Putting a backup back into an empty data directory. The database follows by the engine; until [`finish`], the directory says that it
//! is half done.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    error::BackupError,
    files,
    manifest::Manifest,
    take::{FILES_DIR, LOG_DIR},
};

/// Stands in a data directory that is half put back.
const HALF_FILE: &str = "restore-unfinished";

/// Checks the backup in `from` and puts the log and the files into `data_dir`, which has to be empty or not there. `read` is told the
/// bytes that are checked so far.
///
/// # Errors
/// Nothing is put back when the backup is not whole or damaged, or `data_dir` not empty.
pub fn place(from: &Path, data_dir: &Path, read: impl FnMut(u64)) -> Result<Manifest, BackupError> {
    match fs::read_dir(data_dir) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(BackupError::NotEmpty { dir: data_dir.to_owned() });
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(BackupError::file("list", data_dir)(error)),
    }
    let manifest = Manifest::read(from)?;
    manifest.check(from, read)?;
    files::make_dir(data_dir)?;
    files::write(&data_dir.join(HALF_FILE), b"A restore into this directory was not finished: empty it, and restore again.\n")?;
    for file in &manifest.files {
        let target = if file.path.starts_with(LOG_DIR) {
            file.path.clone()
        } else if let Ok(below) = file.path.strip_prefix(FILES_DIR) {
            below.to_owned()
        } else {
            // The database's, which the engine reads.
            continue;
        };
        let copied = files::copy(&from.join(&file.path), &data_dir.join(target))?;
        file.check(from, &copied)?;
    }
    files::sync_all_dirs(data_dir)?;
    Ok(manifest)
}

/// All is put back.
///
/// # Errors
/// When the disk refuses.
pub fn finish(data_dir: &Path) -> Result<(), BackupError> {
    let half = half(data_dir);
    fs::remove_file(&half).map_err(BackupError::file("remove", &half))?;
    files::sync_dir(data_dir)
}

/// Whether a restore into `data_dir` was begun and not finished.
#[must_use]
pub fn is_half_placed(data_dir: &Path) -> bool {
    half(data_dir).exists()
}

fn half(data_dir: &Path) -> PathBuf {
    data_dir.join(HALF_FILE)
}
