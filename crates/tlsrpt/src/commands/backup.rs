//! `tlsrpt backup`: of a running service by its operator's route, of a stopped one by opening its directory.

use std::{
    io::IsTerminal as _,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde::Deserialize;
use serde_json::json;
use tlsrpt_backup::{Manifest, Progress, Source, copy_checked, finish_copy, take, unfinished};
use tlsrpt_log::EmbeddedLog;
use tlsrpt_registry::Registry;

use super::import::{service::Service, tally::plain, target::NotTaken};
use crate::{
    config::Config,
    wiring::{self, Database, LOG_DIR, OpenLog},
};

/// Where to, and how.
#[derive(Args, Debug)]
#[command(after_long_help = ABOUT)]
pub(crate) struct BackupArgs {
    /// New directory for the copy
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// API of the running service, by its operator's key (--admin-key, TLSRPT_ADMIN_KEY, or the one in --data-dir) [default: from the
    /// configuration, http://127.0.0.1:8080]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Certificates of a private authority, in PEM, to trust beside the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The result as one JSON object
    #[arg(long)]
    json: bool,
}

const ABOUT: &str = concat!(
    "Give the configuration or --data-dir of the service. While it runs, it makes the copy itself, in backup.dir, and goes on taking ",
    "reports; this command then moves the copy to --to, which may be on another disk. Everything that was acknowledged before is in it.\n\n",
    "The copy holds reports, the hashes of keys, the operator's key if it was made by the service, and the self-signed certificate's key: ",
    "it is readable by its owner alone, and belongs on an encrypted disk. The configuration is not in it, nor what it names elsewhere."
);

/// Wait between two looks at how far a running service is.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// Takes it and tells the result.
pub(crate) fn run(config: &Config, args: &BackupArgs) -> anyhow::Result<ExitCode> {
    ensure!(
        config.is_embedded(),
        "the log or the database of this configuration is a server of its own: back those up with their own means (docs/backup.md)"
    );
    let to = std::path::absolute(&args.to)?;
    let is_free = match std::fs::read_dir(&to) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    ensure!(is_free, "{} is there and is no empty directory: name a new one", to.display());
    let log_dir = config.data_dir.join(LOG_DIR);
    ensure!(log_dir.is_dir(), "there is no log in {}: give the --data-dir of the service", config.data_dir.display());
    let runtime = wiring::runtime().context("start the runtime")?;
    let manifest = runtime.block_on(async {
        if EmbeddedLog::is_open(&log_dir) { of_running(config, args, &to).await } else { of_stopped(config, &to).await }
    })?;
    if args.json {
        let result = json!({
            "dir": to, "began_at": manifest.began_at, "finished_at": manifest.finished_at, "files": manifest.files.len(),
            "bytes": manifest.bytes(),
        });
        println!("{result}");
    } else {
        println!(
            "{} holds everything up to {}: {} files, {} bytes",
            to.display(),
            manifest.began_at,
            manifest.files.len(),
            manifest.bytes()
        );
    }
    Ok(ExitCode::SUCCESS)
}

async fn of_stopped(config: &Config, to: &Path) -> anyhow::Result<Manifest> {
    say("the service is stopped; its directory is opened");
    let above = to.parent().unwrap_or(to);
    let log = OpenLog::open(config).await?;
    let taken = async {
        let database = Database::open_with(config, above).await?;
        let taken = async {
            let embedded = log.embedded().context("the log is no embedded one")?;
            let source = Source {
                data_dir: config.data_dir.clone(),
                registry: Registry::open(Arc::clone(&embedded) as _).await?,
                log: embedded,
                store: database.store.clone(),
            };
            anyhow::Ok(take(&source, to, &Progress::default()).await?)
        };
        let taken = taken.await;
        database.close().await;
        taken
    };
    let taken = taken.await;
    log.close().await;
    taken
}

/// What the service tells of a backup.
#[derive(Deserialize)]
struct Status {
    name: String,
    state: String,
    phase: Option<String>,
    error: Option<String>,
}

async fn of_running(config: &Config, args: &BackupArgs, to: &Path) -> anyhow::Result<Manifest> {
    let key = crate::admin_key::load(config)
        .context("the service is running, and is asked by its operator's key: set TLSRPT_ADMIN_KEY, or give --data-dir")?;
    let url = args.url.clone().unwrap_or_else(|| format!("http://{}", config.listen.query));
    let service = Service::new("--url", &url, key, args.ca.as_deref())?;
    let mut status = ask(&service, service.post("/admin/v1/backups")).await?;
    let route = format!("/admin/v1/backups/{}", status.name);
    let mut shown = None;
    while status.state == "running" {
        if status.phase != shown {
            say(&format!("the service makes {}: {}", status.name, status.phase.as_deref().unwrap_or_default()));
            shown = status.phase.clone();
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
        status = ask(&service, service.get(&route)).await?;
    }
    if status.state != "complete" {
        bail!("the service could not make the backup: {}", plain(&status.error.unwrap_or_default()));
    }
    let made = config.backups_dir()?.join(&status.name);
    say(&format!("moving {} to {}", made.display(), to.display()));
    let manifest = move_to(&made, to).with_context(|| format!("the whole backup is in {}", made.display()))?;
    let removed = service.delete(&route).send().await;
    if !removed.is_ok_and(|answer| answer.status().is_success()) {
        say(&format!("the service still has its copy in {}: remove it", made.display()));
    }
    Ok(manifest)
}

/// Copies it to where it may be another disk; nothing has the name before all is there.
fn move_to(made: &Path, to: &Path) -> anyhow::Result<Manifest> {
    let manifest = Manifest::read(made)?;
    let unfinished = unfinished(to);
    let copied = copy_checked(&manifest, made, &unfinished, |_| {}).and_then(|()| finish_copy(&unfinished, to));
    if let Err(error) = copied {
        let _ = std::fs::remove_dir_all(&unfinished);
        return Err(error.into());
    }
    Ok(manifest)
}

async fn ask(service: &Service, request: reqwest::RequestBuilder) -> anyhow::Result<Status> {
    let answer = request.send().await.map_err(|error| error.without_url()).context("ask the running service (--url)")?;
    if !answer.status().is_success() {
        match service.not_taken(answer).await {
            NotTaken::Later { why, .. } | NotTaken::Never { detail: why, .. } | NotTaken::Nothing(why) => bail!(why),
        }
    }
    answer.json().await.map_err(|error| error.without_url()).context("understand the service's answer")
}

/// For a person who waits.
pub(super) fn say(line: &str) {
    if std::io::stderr().is_terminal() {
        eprintln!("tlsrpt: {line}");
    }
}
