//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::config::Overrides;

/// Takes in SMTP TLS reports (RFC 8460) for many tenants and answers: may I switch MTA-STS to enforce without losing mail?
///
/// Start with `tlsrpt all-in-one`: receivers, log, database and API in one process, nothing else needed. Settings come
/// from flags, TLSRPT_… variables and a TOML file; `tlsrpt config` shows what is in force.
#[derive(Parser, Debug)]
#[command(name = "tlsrpt", version, about, propagate_version = true, arg_required_else_help = true, max_term_width = 110)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Settings.
    #[command(flatten)]
    pub(crate) overrides: Overrides,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run every role in this process, on the embedded log (unless --kafka-brokers is given) and the embedded database
    /// (unless --clickhouse-url is given)
    AllInOne,
    /// Run the receivers alone, over Kafka
    Edge,
    /// Run a normalizer alone, over Kafka: submissions in, normalized records out
    Normalizer,
    /// Run a writer alone, over Kafka and a ClickHouse server: normalized records into the database
    Writer,
    /// Run the tenant and operator API alone, over Kafka and a ClickHouse server
    Query,
    /// Show the effective configuration as TOML, secrets masked; or everything that can be set
    Config(crate::commands::config::ConfigArgs),
    /// Show every metric of every role as a table in Markdown
    Metrics,
    /// Bring the database's schema to this version and exit
    Migrate,
    /// Copy a data directory, of a running service or a stopped one, into a new directory. Exit status: 0 the copy is whole, 1 there is
    /// none
    Backup(crate::commands::backup::BackupArgs),
    /// Make a data directory of a backup; the directory of --data-dir must be empty or not there
    Restore(crate::commands::restore::RestoreArgs),
    /// Look at everything that a service with this configuration needs, and say what to do; nothing is changed. Exit status: 0 when
    /// nothing failed, else 1
    Doctor(crate::commands::doctor::DoctorArgs),
    /// Read reports from files and show what is understood, warnings and all; nothing is sent or stored
    Check {
        /// Reports: JSON, gzip, zip or whole mails; - is standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// One JSON object a file instead of text
        #[arg(long)]
        json: bool,
    },
    /// Look at what a domain publishes for TLS-RPT, MTA-STS and DANE, and say what is wrong and what to publish. Exit status: 0 nothing
    /// that does not work, 1 something does not, 2 it could not be looked at
    Dns(crate::commands::dns::DnsArgs),
    /// Fill a demo tenant of a running service with plausible reports, then show example calls and their answers
    Demo(crate::commands::demo::DemoArgs),
    /// Bring in reports and mails that came elsewhere before: files, mailboxes, mailboxes on servers, with the time at which they
    /// came
    Import(crate::commands::import::ImportArgs),
    /// Manage the tenants of a running service
    Tenants(crate::commands::tenants::TenantsArgs),
    /// Show versions of the program and of its formats
    Version,
}
