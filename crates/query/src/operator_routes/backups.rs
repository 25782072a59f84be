//! `/admin/v1/backups`: copies of the data directory, which stay where the operator's configuration says and never go over the API.

use axum::Json;
use serde::Serialize;
use tlsrpt_backup::{BackupError, BackupState, BackupStatus, Backups};
use utoipa::ToSchema;

use crate::{
    audit::Note,
    auth::{Operator, Support},
    description::{Accepted, Done},
    parameters::{Asked, Nothing},
    path_segments::Segments,
    problem::{Kind, Problem},
};

#[derive(Serialize, ToSchema)]
pub(crate) struct BackupEntry {
    /// Its name, and that of its directory on the service's disk.
    name: String,
    #[schema(value_type = State)]
    state: BackupState,
    /// What is being done, while it runs: `begin`, `database`, `log`, `seal`.
    phase: Option<&'static str>,
    #[schema(format = DateTime)]
    began_at: String,
    #[schema(format = DateTime)]
    finished_at: Option<String>,
    /// Bytes of its files; of the log so far while it runs.
    bytes: u64,
    /// Why it failed.
    error: Option<String>,
}

/// How it stands with a backup.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = BackupState)]
#[expect(dead_code, reason = "the words of the description")]
enum State {
    Running,
    Complete,
    Failed,
}

impl From<BackupStatus> for BackupEntry {
    fn from(status: BackupStatus) -> Self {
        let BackupStatus { name, state, phase, began_at, finished_at, bytes, error } = status;
        Self { name, state, phase: phase.map(|phase| phase.as_str()), began_at, finished_at, bytes, error }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct BackupList {
    backups: Vec<BackupEntry>,
}

/// 202: it goes on by itself.
pub(crate) async fn start(operator: Operator, note: Note, _: Asked<Nothing>) -> Result<Accepted<BackupEntry>, Problem> {
    let backups = operator.backups().ok_or_else(|| {
        Problem::new(
            Kind::BackupUnavailable,
            "The log or the database of this service is a server of its own: back those up with their own means.",
        )
    })?;
    let started = backups.start().map_err(|refused| {
        Problem::new(Kind::BackupRunning, format!("The backup `{}` is being taken: wait for its end.", refused.running))
    })?;
    note.target(&started.name);
    Ok(Accepted(started.into()))
}

pub(crate) async fn list(support: Support, _: Asked<Nothing>) -> Result<Json<BackupList>, Problem> {
    Ok(Json(BackupList { backups: all(&support).await?.into_iter().map(BackupEntry::from).collect() }))
}

pub(crate) async fn one(support: Support, path: Segments, _: Asked<Nothing>) -> Result<Json<BackupEntry>, Problem> {
    let name = name(&path)?;
    let found = all(&support).await?.into_iter().find(|backup| backup.name == name);
    found.map(|backup| Json(backup.into())).ok_or_else(|| no_backup(&name))
}

pub(crate) async fn remove(operator: Operator, path: Segments, _: Asked<Nothing>) -> Result<Done, Problem> {
    let name = name(&path)?;
    let Some(backups) = operator.backups() else { return Err(no_backup(&name)) };
    let removed = blocking(backups, {
        let name = name.clone();
        move |backups| backups.remove(&name)
    });
    if removed.await? { Ok(Done) } else { Err(no_backup(&name)) }
}

async fn all(support: &Support) -> Result<Vec<BackupStatus>, Problem> {
    match support.backups() {
        Some(backups) => blocking(backups, Backups::list).await,
        None => Ok(Vec::new()),
    }
}

async fn blocking<T: Send + 'static>(
    backups: &Backups,
    work: impl FnOnce(&Backups) -> Result<T, BackupError> + Send + 'static,
) -> Result<T, Problem> {
    let backups = backups.clone();
    let done = tokio::task::spawn_blocking(move || work(&backups)).await;
    done.map_err(|error| Problem::internal("look at backups", &error))?.map_err(|error| Problem::internal("look at backups", &error))
}

fn name(path: &Segments) -> Result<String, Problem> {
    path.read("name", |name| Ok::<_, std::convert::Infallible>(name.to_owned()))
}

fn no_backup(name: &str) -> Problem {
    Problem::not_found("There is no backup of this name: GET /admin/v1/backups lists them.").naming(name)
}
