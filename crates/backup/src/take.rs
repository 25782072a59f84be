//! Taking a backup.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use serde::Serialize;
use tlsrpt_log::EmbeddedLog;
use tlsrpt_record::TenantId;
use tlsrpt_registry::Registry;
use tlsrpt_store::Store;

use crate::{clock::now, error::BackupError, files, manifest::Manifest};

/// The database's copy in a backup.
pub const DATABASE_DIR: &str = "database";
/// The log's, laid out as in the data directory.
pub(crate) const LOG_DIR: &str = "log";
/// What else is copied, as it stands in the data directory.
pub(crate) const FILES_DIR: &str = "files";

/// What the name of a backup ends with while it is made.
pub(crate) const UNFINISHED: &str = ".unfinished";

/// Where the engine keeps its data in the data directory.
const ENGINE_DIR: &str = "clickhouse";

/// What of the data directory is copied as it is: the generated key of the operator, the self-signed certificate, and what was brought
/// from mailboxes.
const KEPT: [&str; 3] = ["admin-key", "tls", "import"];

/// What the service needs free to go on.
const HEADROOM_BYTES: u64 = 128 << 20;

/// What a backup is taken of.
#[derive(Clone)]
pub struct Source {
    /// The data directory.
    pub data_dir: PathBuf,
    /// The log in it.
    pub log: Arc<EmbeddedLog>,
    /// The database in it; its engine may write where the backup is to be.
    pub store: Store,
    /// What follows the log's registry.
    pub registry: Arc<Registry>,
}

/// What is being done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Looking at what there is.
    #[default]
    Begin,
    /// The database is copied.
    Database,
    /// The log's records are copied.
    Log,
    /// Files are hashed and synced.
    Seal,
}

impl Phase {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Database => "database",
            Self::Log => "log",
            Self::Seal => "seal",
        }
    }
}

/// How far it is, for whoever looks from outside.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<(Mutex<Phase>, AtomicU64)>);

impl Progress {
    /// What is being done now.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.0.0.lock()
    }

    /// Bytes of the log that are copied.
    #[must_use]
    pub fn log_bytes(&self) -> u64 {
        self.0.1.load(Ordering::Relaxed)
    }

    fn enter(&self, phase: Phase) {
        *self.0.0.lock() = phase;
    }
}

/// Takes a backup of `source` into `dir`, which must not exist: it is made under another name, and gets its own when it is whole.
///
/// # Errors
/// When anything of it could not be copied; then nothing of it is left.
pub async fn take(source: &Source, dir: &Path, progress: &Progress) -> Result<Manifest, BackupError> {
    let unfinished = unfinished(dir);
    let taken = take_into(source, &unfinished, progress).await;
    let named = match taken {
        Ok(manifest) => finish_copy(&unfinished, dir).map(|()| manifest),
        Err(error) => Err(error),
    };
    if named.is_err()
        && unfinished.exists()
        && let Err(error) = fs::remove_dir_all(&unfinished)
    {
        tracing::warn!(dir = %unfinished.display(), %error, "what there is of a backup that failed cannot be removed");
    }
    named
}

/// Where a backup is while it is made.
#[must_use]
pub fn unfinished(dir: &Path) -> PathBuf {
    let mut name = dir.file_name().unwrap_or_default().to_owned();
    name.push(UNFINISHED);
    dir.with_file_name(name)
}

/// Gives what is whole its name.
///
/// # Errors
/// When there is something of this name that is no empty directory.
pub fn finish_copy(unfinished: &Path, dir: &Path) -> Result<(), BackupError> {
    fs::rename(unfinished, dir).map_err(BackupError::file("rename to", dir))?;
    dir.parent().map_or(Ok(()), |above| if above.as_os_str().is_empty() { files::sync_dir(Path::new(".")) } else { files::sync_dir(above) })
}

async fn take_into(source: &Source, dir: &Path, progress: &Progress) -> Result<Manifest, BackupError> {
    let began_at = now();
    let erased = erased(&source.registry);
    blocking({
        let (data_dir, dir) = (source.data_dir.clone(), dir.to_owned());
        move || {
            files::make_new_dir(&dir)?;
            check_room(&data_dir, &dir)
        }
    })
    .await?;
    let schema = source.store.schema_version().await?.unwrap_or(0);

    // What is committed from here on may not be in the database's copy; it is copied as not committed.
    let log = source.log.begin_copy().await?;
    // Before the log's records: a mail that is noted as brought is in the log.
    blocking({
        let (data_dir, dir) = (source.data_dir.clone(), dir.join(FILES_DIR));
        move || copy_kept(&data_dir, &dir)
    })
    .await?;
    progress.enter(Phase::Database);
    source.store.back_up(&dir.join(DATABASE_DIR)).await?;
    progress.enter(Phase::Log);
    blocking({
        let (dir, progress) = (dir.join(LOG_DIR), progress.clone());
        move || Ok(log.write(&dir, |bytes| progress.0.1.store(bytes, Ordering::Relaxed))?)
    })
    .await?;
    // The log's registry would call the tenant erased, and the database's copy may be from before.
    if self::erased(&source.registry) != erased {
        return Err(BackupError::ErasureCompleted);
    }
    progress.enter(Phase::Seal);
    let (dir, database) = (dir.to_owned(), source.store.name().to_owned());
    blocking(move || {
        let manifest = Manifest::seal(&dir, began_at, &database, schema)?;
        manifest.write(&dir)?;
        Ok(manifest)
    })
    .await
}

/// The tenants whose erasure is complete.
fn erased(registry: &Registry) -> BTreeSet<TenantId> {
    registry.deleted(None, usize::MAX).into_iter().filter(|tenant| tenant.erased_at.is_some()).map(|tenant| tenant.id).collect()
}

fn check_room(data_dir: &Path, dir: &Path) -> Result<(), BackupError> {
    let disk = rustix::fs::statvfs(dir).map_err(|error| BackupError::file("look at the disk of", dir)(error.into()))?;
    let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
    let needed_bytes = HEADROOM_BYTES + [LOG_DIR, ENGINE_DIR].iter().map(|part| files::size_on_disk(&data_dir.join(part))).sum::<u64>();
    if free_bytes < needed_bytes {
        return Err(BackupError::NoRoom { dir: dir.to_owned(), needed_bytes, free_bytes });
    }
    Ok(())
}

fn copy_kept(data_dir: &Path, dir: &Path) -> Result<(), BackupError> {
    for name in KEPT {
        let path = data_dir.join(name);
        if path.is_dir() {
            for file in files::walk(&path, &mut |_| Ok(()))? {
                files::copy(&path.join(&file), &dir.join(name).join(&file))?;
            }
        } else if path.is_file() {
            files::copy(&path, &dir.join(name))?;
        }
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, BackupError> + Send + 'static) -> Result<T, BackupError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| BackupError::BrokeOff)?
}
