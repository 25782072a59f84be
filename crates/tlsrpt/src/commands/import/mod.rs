//! `tlsrpt import`: reports and mails that came elsewhere before, with the time at which they came.
//!
//! A message's way: a source (`files`, `imap`) reads one at a time → [`Courier::hand_over`] waits for room → `understand` reads
//! it as the normalizer will, for its receipt time and for the summary → the `target`, a running service or the log itself, makes
//! it durable → the `tally` counts what came of it → only then its source notes or moves it.
//!
//! Invariants: a message's id follows from its receipt and its content, so importing twice changes nothing; one that is bad never
//! stops the rest; what is in memory is bounded, however large a mailbox is; nothing is moved that is not durable.

mod args;
mod courier;
mod dates;
mod files;
mod imap;
mod message;
mod progress;
mod receipt;
pub(crate) mod service;
pub(crate) mod tally;
pub(crate) mod target;
pub(crate) mod tls;
mod understand;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use tlsrpt_log::LogError;
use tlsrpt_telemetry::{Backoff, logs};
use tokio::{sync::mpsc, time::Instant};

use crate::{
    config::Config,
    wiring::{self, OpenLog},
};
pub(crate) use args::ImportArgs;
use courier::{Courier, Setup};
use files::Read;
pub(crate) use imap::PASSWORD_VARIABLE;
use imap::{MailboxUrl, Mailboxes};
use progress::Progress;
use service::Service;
use tally::Tally;
use target::Target;

/// Messages that were read and wait for the courier.
const READ_AHEAD_MESSAGES: usize = 2;
/// Directory below the data directory for what was imported of mailboxes on servers.
const STATE_DIR: &str = "import";

/// Imports, prints the summary, and answers success when all of it was accepted.
pub(crate) fn run(config: &Config, args: &ImportArgs) -> anyhow::Result<ExitCode> {
    let (mailboxes, paths) = sources(&args.sources)?;
    let paths = files::named(&paths)?;
    let target_name = target_name(config, args);
    let options = imap::Options {
        password_file: args.password_file.as_deref(),
        ca: args.ca.as_deref(),
        insecure_plaintext: args.insecure_plaintext,
        move_to: args.move_to.as_deref(),
        state: args.state.as_deref(),
        state_dir: config.data_dir.join(STATE_DIR),
        target: target_name,
        message_max_bytes: config.query.submission_max_bytes,
    };
    let asks_servers = !mailboxes.is_empty();
    let mailboxes = Mailboxes::prepare(mailboxes, &options)?;
    let runtime = wiring::runtime().context("start the runtime")?;
    let tally = runtime.block_on(async {
        let setup = Setup {
            target: target(config, args, asks_servers).await?,
            address: args.address.clone(),
            patience: Duration::from_secs(args.patience_s),
            parallel: args.parallel,
            progress: Progress::new()?,
        };
        let courier = Courier::new(setup);
        import_files(&courier, paths, config.query.submission_max_bytes).await;
        if let Some(mailboxes) = mailboxes {
            mailboxes.import(&courier, &options).await;
        }
        anyhow::Ok(courier.finish().await)
    })?;
    report(&tally, args.json)
}

fn report(tally: &Tally, as_json: bool) -> anyhow::Result<ExitCode> {
    if as_json {
        println!("{}", serde_json::to_string(tally)?)
    } else {
        print!("{}", tally.text())
    }
    Ok(if tally.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Mailboxes on servers, and paths.
fn sources(sources: &[String]) -> anyhow::Result<(Vec<MailboxUrl>, Vec<PathBuf>)> {
    let (mut mailboxes, mut paths) = (Vec::new(), Vec::new());
    for source in sources {
        // Said without the text, where a password may stand.
        if imap::is_url(source) { mailboxes.push(source.parse()?) } else { paths.push(PathBuf::from(source)) }
    }
    Ok((mailboxes, paths))
}

fn service_url(config: &Config, args: &ImportArgs) -> String {
    args.to.clone().unwrap_or_else(|| format!("http://{}", config.listen.query))
}

/// Where messages go, in words that are the same in the next run.
fn target_name(config: &Config, args: &ImportArgs) -> String {
    match &config.kafka.brokers {
        _ if !args.into_log => service_url(config, args).trim_end_matches('/').to_owned(),
        Some(brokers) => format!("kafka {brokers} {}", config.kafka.prefix),
        None => format!("log {}", std::path::absolute(&config.data_dir).unwrap_or_else(|_| config.data_dir.clone()).display()),
    }
}

async fn target(config: &Config, args: &ImportArgs, asks_servers: bool) -> anyhow::Result<Target> {
    if args.dry_run {
        return Ok(Target::DryRun);
    }
    if !args.into_log {
        let key = crate::admin_key::load(config)
            .context("the import needs the operator's key of the running service: set TLSRPT_ADMIN_KEY, or give --data-dir")?;
        return Ok(Target::Service(Service::new("--to", &service_url(config, args), key, args.ca.as_deref())?));
    }
    // The protocol's crate logs what it sends, the login too, for those who filter for it.
    if !asks_servers {
        logs::init(config.logs.format, &config.logs.filter)?;
    }
    if config.kafka.brokers.is_none() {
        let dir = &config.data_dir;
        // An import into a log that nobody will ever read would look like a success.
        anyhow::ensure!(dir.is_dir(), "there is no data directory {}: give the one of the service with --data-dir", dir.display());
    }
    let log = OpenLog::open(config).await.context("open the log; without --into-log the service that has it takes the import")?;
    declare(&log, config, args).await?;
    Ok(Target::Log(log))
}

/// Declares the topic, waiting for a Kafka that is away.
async fn declare(log: &OpenLog, config: &Config, args: &ImportArgs) -> anyhow::Result<()> {
    let (started, mut backoff) = (Instant::now(), Backoff::default());
    loop {
        match log.declare_submissions(config).await {
            Err(error @ LogError::Unavailable { .. }) if started.elapsed().as_secs() < args.patience_s => {
                eprintln!("tlsrpt: waiting, for {} s at most (--patience-s): {error}", args.patience_s);
                tokio::time::sleep(backoff.next_wait()).await;
            }
            declared => return declared.context("declare the submissions' topic"),
        }
    }
}

/// Reads files on a thread of its own, no further ahead than a few messages.
async fn import_files(courier: &Arc<Courier>, paths: Vec<PathBuf>, message_max_bytes: usize) {
    let (sender, mut receiver) = mpsc::channel(READ_AHEAD_MESSAGES);
    let counted = Arc::clone(courier);
    let reading = tokio::task::spawn_blocking(move || {
        counted.progress().expect(files::size_bytes(&paths));
        files::read(paths, message_max_bytes, |read| sender.blocking_send(read).is_ok());
    });
    while let Some(read) = receiver.recv().await {
        match read {
            // What becomes of it is in the tally.
            Read::Message(message) => drop(courier.hand_over(message).await),
            Read::Refused(refused) => courier.refuse(refused, 0),
        }
        if courier.stopped().is_cancelled() {
            break;
        }
    }
    drop(receiver);
    if let Err(error) = reading.await {
        courier.stop(&format!("the files' reader broke off: {error}"));
    }
}
