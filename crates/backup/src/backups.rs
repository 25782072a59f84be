//! The backups that a running service takes of itself, one at a time, below one directory.

use std::{fs, path::PathBuf, sync::Arc};

use parking_lot::Mutex;
use serde::Serialize;
use tlsrpt_telemetry::chain;

use crate::{
    clock::now,
    error::BackupError,
    manifest::Manifest,
    take::{Phase, Progress, Source, take},
};

/// How it stands with a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackupState {
    /// It is being taken.
    Running,
    /// It is whole.
    Complete,
    /// It could not be taken, and nothing of it is left.
    Failed,
}

/// One backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupStatus {
    /// Its name, and that of its directory.
    pub name: String,
    /// How it stands.
    pub state: BackupState,
    /// What is being done, while it runs.
    pub phase: Option<Phase>,
    /// When it was begun. RFC 3339.
    pub began_at: String,
    /// When it was whole. RFC 3339.
    pub finished_at: Option<String>,
    /// Bytes of its files; of the log so far while it runs.
    pub bytes: u64,
    /// Why it failed.
    pub error: Option<String>,
}

/// One is being taken already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its name.
    pub running: String,
}

/// The backups of a service; clones are the same.
#[derive(Clone)]
pub struct Backups(Arc<Inner>);

struct Inner {
    dir: PathBuf,
    source: Source,
    last: Mutex<Option<Last>>,
}

/// The one that was begun last in this process, unless it is whole.
struct Last {
    name: String,
    began_at: String,
    progress: Progress,
    error: Option<String>,
}

impl Last {
    fn is_running(&self) -> bool {
        self.error.is_none()
    }

    fn status(&self) -> BackupStatus {
        BackupStatus {
            name: self.name.clone(),
            state: if self.is_running() { BackupState::Running } else { BackupState::Failed },
            phase: self.is_running().then(|| self.progress.phase()),
            began_at: self.began_at.clone(),
            finished_at: None,
            bytes: self.progress.log_bytes(),
            error: self.error.clone(),
        }
    }
}

impl Backups {
    /// Backups of `source` below `dir`.
    #[must_use]
    pub fn new(dir: PathBuf, source: Source) -> Self {
        Self(Arc::new(Inner { dir, source, last: Mutex::default() }))
    }

    /// Begins one, which goes on by itself.
    ///
    /// # Errors
    /// [`Refused`] while one is being taken.
    pub fn start(&self) -> Result<BackupStatus, Refused> {
        let began_at = now();
        let name: String = began_at.chars().filter(char::is_ascii_alphanumeric).collect();
        let progress = Progress::default();
        let last = Last { name: name.clone(), began_at, progress: progress.clone(), error: None };
        let status = last.status();
        {
            let mut slot = self.0.last.lock();
            if let Some(running) = slot.as_ref().filter(|last| last.is_running()) {
                return Err(Refused { running: running.name.clone() });
            }
            *slot = Some(last);
        }
        let this = self.clone();
        tokio::spawn(async move {
            tracing::info!(name, "a backup is being taken");
            let taken = this.take(&name, &progress).await;
            let mut slot = this.0.last.lock();
            match taken {
                Ok(manifest) => {
                    tracing::info!(name, files = manifest.files.len(), bytes = manifest.bytes(), "the backup is complete");
                    *slot = None;
                }
                Err(error) => {
                    let error = chain(&error);
                    tracing::warn!(name, error, "the backup failed; nothing of it is left, and nothing else is changed");
                    if let Some(last) = slot.as_mut() {
                        last.error = Some(error);
                    }
                }
            }
        });
        Ok(status)
    }

    async fn take(&self, name: &str, progress: &Progress) -> Result<Manifest, BackupError> {
        let Inner { dir, source, .. } = &*self.0;
        crate::files::make_dir(dir)?;
        // Left by a process that was killed.
        for entry in fs::read_dir(dir).map_err(BackupError::file("list", dir))?.flatten() {
            if entry.file_name().to_string_lossy().ends_with(crate::take::UNFINISHED) {
                fs::remove_dir_all(entry.path()).map_err(BackupError::file("remove", entry.path()))?;
            }
        }
        take(source, &dir.join(name), progress).await
    }

    /// All of them, newest first. Blocks.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn list(&self) -> Result<Vec<BackupStatus>, BackupError> {
        // First the one that runs: it may become whole meanwhile, and is then listed once.
        let last = self.0.last.lock().as_ref().map(Last::status);
        let mut found: Vec<BackupStatus> = Vec::new();
        for name in self.names()? {
            // What was removed a moment ago, or was never whole, is none.
            if let Ok(manifest) = Manifest::read(&self.0.dir.join(&name)) {
                found.push(BackupStatus {
                    name,
                    state: BackupState::Complete,
                    phase: None,
                    bytes: manifest.bytes(),
                    began_at: manifest.began_at,
                    finished_at: Some(manifest.finished_at),
                    error: None,
                });
            }
        }
        found.extend(last.filter(|last| found.iter().all(|whole| whole.name != last.name)));
        found.sort_by(|one, other| other.name.cmp(&one.name));
        Ok(found)
    }

    /// Removes a whole one; answers whether it was there. Blocks.
    ///
    /// # Errors
    /// When its files cannot be removed.
    pub fn remove(&self, name: &str) -> Result<bool, BackupError> {
        // The name is compared with what is there, and never made a path of.
        let Some(name) = self.names()?.into_iter().find(|there| there == name) else { return Ok(false) };
        let dir = self.0.dir.join(&name);
        // What is half removed does not look whole.
        let manifest = dir.join(crate::MANIFEST_FILE);
        fs::remove_file(&manifest).map_err(BackupError::file("remove", &manifest))?;
        fs::remove_dir_all(&dir).map_err(BackupError::file("remove", &dir))?;
        Ok(true)
    }

    /// Names of the directories with a manifest.
    fn names(&self) -> Result<Vec<String>, BackupError> {
        let dir = &self.0.dir;
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(BackupError::file("list", dir)(error)),
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        Ok(names.filter(|name| !name.contains('.') && dir.join(name).join(crate::MANIFEST_FILE).is_file()).collect())
    }
}
