//! What `tlsrpt import` is told.

use std::path::PathBuf;

use clap::Args;

/// Sources, target, and how.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct ImportArgs {
    /// Files, directories (walked through), patterns in quotes, mailboxes on servers.
    ///
    /// Content decides what a file is, never its name: a report as JSON, gzip or zip; a mail; an mbox by its first line; a directory
    /// with cur and new is a Maildir. A mailbox on a server is imaps://USER@HOST[:PORT]/FOLDER, INBOX without a folder, or imap://…
    /// for STARTTLS; %40 stands for @ in a name and %2F for /. Its password comes from TLSRPT_IMAP_PASSWORD or --password-file, or is
    /// asked for.
    #[arg(required = true, value_name = "SOURCE")]
    pub(super) sources: Vec<String>,
    /// API of the running service that takes them, by its operator's key (TLSRPT_ADMIN_KEY, or the one in --data-dir) [default: from
    /// the configuration, http://127.0.0.1:8080]
    #[arg(long, value_name = "URL", conflicts_with = "into_log")]
    pub(super) to: Option<String>,
    /// Straight into the log: Kafka with --kafka-brokers, else the embedded log of --data-dir while no service runs on it
    #[arg(long)]
    pub(super) into_log: bool,
    /// Reporting address that the messages were sent to, kept as evidence
    #[arg(long, value_name = "ADDRESS")]
    pub(super) address: Option<String>,
    /// Send and change nothing; say what would be
    #[arg(long)]
    pub(super) dry_run: bool,
    /// The summary as one JSON object
    #[arg(long)]
    pub(super) json: bool,
    /// Messages on their way at one time
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(super) parallel: u16,
    /// Seconds that the service, or the log, may be away or overloaded before the import gives up
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(super) patience_s: u64,
    /// File whose first line is the mailbox's password
    #[arg(long, value_name = "FILE", help_heading = "Mailboxes on servers")]
    pub(super) password_file: Option<PathBuf>,
    /// Certificates of a private authority, in PEM; mailboxes' servers are checked against it alone, the service against the
    /// system's too
    #[arg(long, value_name = "FILE", help_heading = "Mailboxes on servers")]
    pub(super) ca: Option<PathBuf>,
    /// No STARTTLS with imap://, for a server on this machine: the password goes out in the clear
    #[arg(long, help_heading = "Mailboxes on servers")]
    pub(super) insecure_plaintext: bool,
    /// Move each message to this folder after it is durable; without it nothing in the mailbox changes, no flag either
    #[arg(long, value_name = "FOLDER", help_heading = "Mailboxes on servers")]
    pub(super) move_to: Option<String>,
    /// Where it is kept what was imported, so that the next run goes on from there; for one mailbox [default: import/ in the data
    /// directory]
    #[arg(long, value_name = "FILE", help_heading = "Mailboxes on servers")]
    pub(super) state: Option<PathBuf>,
}

const EXAMPLES: &str = concat!(
    "Importing twice changes nothing: a message's id follows from its receipt and its content. It was received when its topmost ",
    "Received header says, else its Date header, else its mailbox or its file's time of change. Exit status: 0 when everything was ",
    "accepted, 1 when something was not; the summary names it with the reason.\n\n",
    "  tlsrpt import reports/ old.mbox ~/Maildir 'exports/2024-*.json.gz'\n",
    "  tlsrpt import --dry-run imaps://tls-reports@mail.example/INBOX\n",
    "  tlsrpt import --move-to Imported imaps://tls-reports@mail.example/INBOX\n",
    "  tlsrpt import --into-log --data-dir /var/lib/tlsrpt reports/"
);
