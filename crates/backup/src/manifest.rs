//! What a backup holds: written last, so that what has one is whole.

use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use tlsrpt_store::Store;

use crate::{
    error::BackupError,
    files::{self, Read},
};

/// The manifest's file in a backup.
pub const MANIFEST_FILE: &str = "manifest.json";

/// Version of a backup's layout.
const FORMAT: u32 = 1;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of its layout.
    pub format: u32,
    /// Version of the program that made it.
    pub program: String,
    /// When it was begun: what was acknowledged before is in it. RFC 3339.
    pub began_at: String,
    /// When it was complete. RFC 3339.
    pub finished_at: String,
    /// Name of the database in it.
    pub database: String,
    /// Version of the database's schema.
    pub schema: u32,
    /// Every file but the manifest, by path.
    pub files: Vec<ManifestFile>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// From the backup's directory.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its content, in hexadecimal digits.
    pub sha256: String,
}

impl ManifestFile {
    /// Whether what was read of it is what it was.
    pub(crate) fn check(&self, dir: &Path, found: &Read) -> Result<(), BackupError> {
        let damaged = |reason| BackupError::Damaged { file: dir.join(&self.path), reason };
        if found.bytes != self.bytes {
            return Err(damaged(format!("it has {} bytes, and had {}", found.bytes, self.bytes)));
        }
        if found.sha256 != self.sha256 {
            return Err(damaged(format!("its SHA-256 is {}, and was {}", found.sha256, self.sha256)));
        }
        Ok(())
    }
}

impl Manifest {
    /// Seals what is in `dir`: every file is hashed, synced and made its owner's alone.
    pub(crate) fn seal(dir: &Path, began_at: String, database: &str, schema: u32) -> Result<Self, BackupError> {
        let mut sealed = Vec::new();
        for path in files::walk(dir, &mut |_| Ok(()))? {
            let Read { bytes, sha256 } = files::seal(&dir.join(&path))?;
            sealed.push(ManifestFile { path, bytes, sha256 });
        }
        files::sync_all_dirs(dir)?;
        Ok(Self {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            began_at,
            finished_at: crate::clock::now(),
            database: database.to_owned(),
            schema,
            files: sealed,
        })
    }

    /// Bytes of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Writes it, durably.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), BackupError> {
        let text = serde_json::to_vec_pretty(self).map_err(|error| BackupError::file("write", dir.join(MANIFEST_FILE))(error.into()))?;
        files::write(&dir.join(MANIFEST_FILE), &text)?;
        files::sync_dir(dir)
    }

    /// Reads the manifest of the backup in `dir`.
    ///
    /// # Errors
    /// [`BackupError::NotWhole`] when there is none or it is not understood, [`BackupError::Newer`] when a newer program has made it.
    pub fn read(dir: &Path) -> Result<Self, BackupError> {
        let not_whole = |reason: String| BackupError::NotWhole { dir: dir.to_owned(), reason };
        let text = fs::read(dir.join(MANIFEST_FILE)).map_err(|error| not_whole(format!("{MANIFEST_FILE} cannot be read: {error}")))?;
        let manifest: Self =
            serde_json::from_slice(&text).map_err(|error| not_whole(format!("{MANIFEST_FILE} is not understood: {error}")))?;
        let newer = |what, found, known| BackupError::Newer { what, found, known, program: manifest.program.clone() };
        if manifest.format > FORMAT {
            return Err(newer("format", manifest.format, FORMAT));
        }
        if manifest.schema > Store::schema_known() {
            return Err(newer("schema", manifest.schema, Store::schema_known()));
        }
        let leads_out = |file: &&ManifestFile| !file.path.components().all(|part| matches!(part, Component::Normal(_)));
        if let Some(file) = manifest.files.iter().find(leads_out) {
            return Err(not_whole(format!("{MANIFEST_FILE} names {}, which is not below it", file.path.display())));
        }
        Ok(manifest)
    }

    /// Compares every file with what it was; `read` is told the bytes so far.
    ///
    /// # Errors
    /// [`BackupError::Damaged`] names the first file that differs, is missing, or was not there.
    pub fn check(&self, dir: &Path, mut read: impl FnMut(u64)) -> Result<(), BackupError> {
        let mut known = BTreeSet::from([PathBuf::from(MANIFEST_FILE)]);
        let mut bytes = 0;
        for file in &self.files {
            let path = dir.join(&file.path);
            if !path.is_file() {
                return Err(BackupError::Damaged { file: path, reason: "it is missing".to_owned() });
            }
            file.check(dir, &files::read(&path)?)?;
            bytes += file.bytes;
            read(bytes);
            known.insert(file.path.clone());
        }
        let foreign = files::walk(dir, &mut |_| Ok(()))?.into_iter().find(|path| !known.contains(path));
        foreign
            .map_or(Ok(()), |path| Err(BackupError::Damaged { file: dir.join(path), reason: format!("{MANIFEST_FILE} does not name it") }))
    }
}
