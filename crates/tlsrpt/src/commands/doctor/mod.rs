//! `tlsrpt doctor`: looks at everything that a service needs, before its first start or while it runs, changes nothing, and says what
//! to do.
//!
//! The way: the configuration says which checks there are → all of them run at once, each within its time → a line for each, in a fixed
//! order.

mod certificate;
mod clickhouse;
mod data_dir;
mod dns;
mod issuer;
mod kafka;
mod machine;
mod otlp;
mod ports;
mod service;

use std::{fmt::Write as _, process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde::Serialize;
use tlsrpt_telemetry::chain;

use crate::{config::Config, wiring};

/// Longest that one check may take.
const CHECK_MAX: Duration = Duration::from_secs(15);

/// What is looked at, and how it is told.
#[derive(Args, Debug)]
#[command(after_long_help = ABOUT)]
pub(crate) struct DoctorArgs {
    /// What is to run with this configuration
    #[arg(long, value_enum, default_value_t = Role::AllInOne)]
    role: Role,
    /// One JSON object a line instead of text
    #[arg(long)]
    json: bool,
}

const ABOUT: &str = concat!(
    "A line for each check: ok, warn or fail; what it is about; what was found; what to do. Nothing is changed, and no secret is shown. ",
    "It may run as the service's user before the first start or while the service runs. Exit status: 0 when nothing failed, else 1.\n\n",
    "  tlsrpt doctor --config /etc/tlsrpt/tlsrpt.toml"
);

/// What runs in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Role {
    AllInOne,
    Edge,
    Normalizer,
    Writer,
    Query,
}

impl Role {
    fn receives(self) -> bool {
        matches!(self, Self::AllInOne | Self::Edge)
    }
    fn verifies(self) -> bool {
        matches!(self, Self::AllInOne | Self::Normalizer)
    }
    fn answers(self) -> bool {
        matches!(self, Self::AllInOne | Self::Query)
    }
    fn stores(self) -> bool {
        matches!(self, Self::AllInOne | Self::Writer | Self::Query)
    }
    fn keeps(self) -> bool {
        matches!(self, Self::AllInOne | Self::Edge | Self::Query)
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Level {
    Ok,
    Warn,
    Fail,
}

/// What one check found.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    level: Level,
    subject: String,
    found: String,
    /// What to do; empty when nothing has to be done.
    remedy: String,
}

impl Finding {
    fn new(level: Level, subject: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level, subject: subject.into(), found: found.into(), remedy: remedy.into() }
    }
    /// It is as it should be.
    pub(super) fn ok(subject: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(Level::Ok, subject, found, "")
    }
    /// It works, and should be otherwise.
    pub(super) fn warn(subject: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Level::Warn, subject, found, remedy)
    }
    /// It does not work.
    pub(super) fn fail(subject: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Level::Fail, subject, found, remedy)
    }

    fn text(&self) -> String {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "fail",
        };
        let mut text = format!("{level:<4}  {:<14}  {}", self.subject, self.found);
        if !self.remedy.is_empty() {
            // Writing to a String cannot fail.
            let _ = write!(text, "; {}", self.remedy);
        }
        // Names of files and words of servers come from others.
        text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
    }
}

/// Runs every check, prints what was found, and fails when any of it does not work.
pub(crate) fn run(config: &Config, args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let runtime = wiring::runtime().context("start the runtime")?;
    let findings = runtime.block_on(look(config, args.role));
    // A check that was given up may still hang in a thread.
    runtime.shutdown_background();
    for finding in &findings {
        if args.json { println!("{}", serde_json::to_string(finding)?) } else { println!("{}", finding.text()) }
    }
    let has_failed = findings.iter().any(|finding| finding.level == Level::Fail);
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A check under way: its subject, and the task.
type Check = (&'static str, tokio::task::JoinHandle<Vec<Finding>>);

async fn look(config: &Config, role: Role) -> Vec<Finding> {
    let mut checks: Vec<Check> = Vec::new();
    let mut blocking = |subject, check: fn(&Config, Role) -> Vec<Finding>| {
        let config = config.clone();
        checks.push((subject, tokio::task::spawn_blocking(move || check(&config, role))));
    };
    blocking("configuration", configuration);
    blocking("data directory", data_dir::check);
    blocking("open files", machine::open_files);
    blocking("engine", machine::engine);
    blocking("certificate", certificate::check);
    blocking("port", ports::check);
    checks.push(("service", tokio::spawn(service::check(config.clone()))));
    checks.push(("dns", tokio::spawn(dns::check(config.clone(), role))));
    checks.push(("kafka", tokio::spawn(kafka::check(config.clone()))));
    checks.push(("clickhouse", tokio::spawn(clickhouse::check(config.clone(), role))));
    checks.push(("issuer", tokio::spawn(issuer::check(config.clone(), role))));
    checks.push(("otlp", tokio::spawn(otlp::check(config.clone()))));
    let mut findings = Vec::new();
    let deadline = tokio::time::Instant::now() + CHECK_MAX;
    for (subject, check) in checks {
        match tokio::time::timeout_at(deadline, check).await {
            Ok(Ok(found)) => findings.extend(found),
            Ok(Err(_)) => findings.push(Finding::fail(subject, "the check broke off", "report this as a fault of the program")),
            Err(_) => {
                let found = format!("no answer within {} s", CHECK_MAX.as_secs());
                findings.push(Finding::fail(subject, found, "look whether what it asks hangs: a disk, a server, the network"));
            }
        }
    }
    findings
}

/// It was read, else there would be no check at all.
fn configuration(config: &Config, role: Role) -> Vec<Finding> {
    let subject = "configuration";
    let alone = role != Role::AllInOne;
    if alone && config.kafka.brokers.is_none() {
        return vec![Finding::fail(
            subject,
            "a role by itself works over Kafka, and no broker is named",
            "set kafka.brokers (--kafka-brokers)",
        )];
    }
    if matches!(role, Role::Writer | Role::Query) && config.store.clickhouse_url.is_none() {
        let remedy = "set store.clickhouse_url (--clickhouse-url)";
        return vec![Finding::fail(subject, "this role shares a ClickHouse server with others, and none is named", remedy)];
    }
    if role.receives() && config.mail_hosts.is_empty() {
        let found = "it is understood; mail is taken for an address at any host name";
        return vec![Finding::warn(subject, found, "set mail_hosts (--mail-host) to the host part of the reporting addresses")];
    }
    vec![Finding::ok(subject, "it is understood")]
}

/// Now, milliseconds since 1970.
pub(super) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
