//! Files and directories of their owner alone, synced.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{Read as _, Seek as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use crate::error::BackupError;

const CHUNK_BYTES: usize = 1 << 20;
/// A unit of `st_blocks`.
const BLOCK_BYTES: u64 = 512;

/// Length and SHA-256 of what was read.
pub(crate) struct Read {
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

/// Makes a directory for its owner alone, and those above it.
pub(crate) fn make_dir(dir: &Path) -> Result<(), BackupError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(BackupError::file("make the directory", dir))
}

/// Makes a directory for its owner alone that is empty: what a process that was killed left there is removed.
pub(crate) fn make_new_dir(dir: &Path) -> Result<(), BackupError> {
    if dir.exists() {
        fs::remove_dir_all(dir).map_err(BackupError::file("remove", dir))?;
    }
    make_dir(dir)
}

/// The regular files below `dir`, by their paths from it, in order; `directory` is told each directory. Other kinds of files are passed over.
pub(crate) fn walk(dir: &Path, directory: &mut impl FnMut(&Path) -> Result<(), BackupError>) -> Result<Vec<PathBuf>, BackupError> {
    let mut found = Vec::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(below) = waiting.pop() {
        let here = dir.join(&below);
        directory(&here)?;
        let entries = fs::read_dir(&here).map_err(BackupError::file("list", &here))?;
        for entry in entries {
            let entry = entry.map_err(BackupError::file("list", &here))?;
            let kind = entry.file_type().map_err(BackupError::file("look at", entry.path()))?;
            let path = below.join(entry.file_name());
            if kind.is_dir() {
                waiting.push(path);
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// What the files below `dir` take on the disk; a directory that is not there takes nothing.
pub(crate) fn size_on_disk(dir: &Path) -> u64 {
    let Ok(files) = walk(dir, &mut |_| Ok(())) else { return 0 };
    files.iter().filter_map(|file| fs::metadata(dir.join(file)).ok()).map(|file| file.blocks() * BLOCK_BYTES).sum()
}

/// Reads a file through; `chunk` is given what is read.
fn read_through(path: &Path, mut chunk: impl FnMut(&[u8]) -> Result<(), BackupError>) -> Result<Read, BackupError> {
    let mut file = File::open(path).map_err(BackupError::file("read", path))?;
    let (mut buffer, mut bytes, mut hash) = (vec![0; CHUNK_BYTES], 0, Sha256::new());
    loop {
        let read = file.read(&mut buffer).map_err(BackupError::file("read", path))?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { break };
        bytes += part.len() as u64;
        hash.update(part);
        chunk(part)?;
    }
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Read { bytes, sha256 })
}

/// Length and hash of a file.
pub(crate) fn read(path: &Path) -> Result<Read, BackupError> {
    read_through(path, |_| Ok(()))
}

/// Length and hash of a file, which is synced and made its owner's alone.
pub(crate) fn seal(path: &Path) -> Result<Read, BackupError> {
    fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(BackupError::file("change the mode of", path))?;
    let found = read(path)?;
    let file = File::open(path).map_err(BackupError::file("open", path))?;
    file.sync_all().map_err(BackupError::file("sync", path))?;
    Ok(found)
}

/// Copies a file to where none is, synced; answers its length and hash.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<Read, BackupError> {
    if let Some(above) = to.parent() {
        make_dir(above)?;
    }
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    let mut target = created.map_err(BackupError::file("make", to))?;
    let read = read_through(from, |part| {
        // A journal has room to grow, as a hole.
        let is_hole = part.len() == CHUNK_BYTES && part.iter().all(|&byte| byte == 0);
        let written = if is_hole { target.seek_relative(CHUNK_BYTES as i64) } else { target.write_all(part) };
        written.map_err(BackupError::file("write", to))
    })?;
    target.set_len(read.bytes).map_err(BackupError::file("write", to))?;
    target.sync_all().map_err(BackupError::file("sync", to))?;
    Ok(read)
}

/// Syncs a directory, so that the names in it are durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), BackupError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(BackupError::file("sync", dir))
}

/// Writes a whole new file, synced.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), BackupError> {
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = created.map_err(BackupError::file("make", path))?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(BackupError::file("write", path))
}

/// Copies the backup with this manifest from `from` to `to`, where nothing stays of what was there, and refuses what differs; `copied` is
/// told the bytes so far.
///
/// # Errors
/// [`BackupError::Damaged`] names the first file that is not as the manifest says.
pub fn copy_checked(manifest: &crate::Manifest, from: &Path, to: &Path, mut copied: impl FnMut(u64)) -> Result<(), BackupError> {
    make_new_dir(to)?;
    let mut bytes = 0;
    for file in &manifest.files {
        let found = copy(&from.join(&file.path), &to.join(&file.path))?;
        file.check(from, &found)?;
        bytes += found.bytes;
        copied(bytes);
    }
    sync_all_dirs(to)?;
    manifest.write(to)
}

/// Syncs a directory and all below it, and makes them their owner's alone.
pub(crate) fn sync_all_dirs(dir: &Path) -> Result<(), BackupError> {
    let mut sync = |dir: &Path| {
        fs::set_permissions(dir, Permissions::from_mode(0o700)).map_err(BackupError::file("change the mode of", dir))?;
        sync_dir(dir)
    };
    walk(dir, &mut sync).map(drop)
}
