//! Mailboxes on a server as a source, by IMAP (RFC 3501, RFC 9051).
//!
//! `connect` makes a session → `server` speaks on it → `folder` imports one folder over it, with `state` for what was imported
//! before.
//!
//! Invariants: nothing on the server changes unless messages are to be moved, and a message is moved only after it is durable; no
//! password is shown or logged; what a server may send is bounded by what it was asked for.

mod connect;
mod folder;
mod password;
mod server;
mod state;
mod trouble;
mod url;
mod wire;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{courier::Courier, message::Refused};
use connect::Connector;
pub(crate) use password::VARIABLE as PASSWORD_VARIABLE;
use state::State;
pub(crate) use url::{MailboxUrl, is_url};

/// How mailboxes are imported.
pub(crate) struct Options<'a> {
    pub(crate) password_file: Option<&'a Path>,
    pub(crate) ca: Option<&'a Path>,
    pub(crate) insecure_plaintext: bool,
    pub(crate) move_to: Option<&'a str>,
    /// The state's file, for one mailbox.
    pub(crate) state: Option<&'a Path>,
    /// Where states are kept without it.
    pub(crate) state_dir: PathBuf,
    /// What the courier brings messages to, in words: a state is of one target.
    pub(crate) target: String,
    pub(crate) message_max_bytes: usize,
}

/// Mailboxes of one account, and how to get at them.
pub(crate) struct Mailboxes {
    connector: Connector,
    mailboxes: Vec<(MailboxUrl, State)>,
}

impl Mailboxes {
    /// Makes ready; asks for the password when it is not given.
    ///
    /// # Errors
    /// When the mailboxes are of several accounts, or something of this machine's cannot be read.
    pub(crate) fn prepare(mailboxes: Vec<MailboxUrl>, options: &Options<'_>) -> anyhow::Result<Option<Self>> {
        let Some(first) = mailboxes.first() else { return Ok(None) };
        anyhow::ensure!(
            mailboxes.iter().all(|mailbox| mailbox.account == first.account),
            "the mailboxes are of several accounts, which have a password each: import one account at a time"
        );
        anyhow::ensure!(
            options.state.is_none() || mailboxes.len() == 1,
            "--state is the state of one mailbox, and here are {}",
            mailboxes.len()
        );
        if let Some(target) = options.move_to {
            anyhow::ensure!(
                mailboxes.iter().all(|mailbox| mailbox.folder != target),
                "--move-to {target}: that is the folder that is imported"
            );
        }
        let account = first.account.clone();
        let mailboxes = mailboxes.into_iter().map(|mailbox| {
            let path = options.state.map_or_else(|| options.state_dir.join(file_name(&mailbox, &options.target)), Path::to_owned);
            let state = State::open(path, mailbox.to_string(), options.target.clone())?;
            Ok((mailbox, state))
        });
        let mailboxes = mailboxes.collect::<anyhow::Result<Vec<_>>>()?;
        let password = password::read(&account, options.password_file)?;
        let connector = Connector::new(account, password, options.ca, options.insecure_plaintext)?;
        Ok(Some(Self { connector, mailboxes }))
    }

    /// Imports one after the other. One that cannot be imported costs the others nothing.
    pub(crate) async fn import(self, courier: &Arc<Courier>, options: &Options<'_>) {
        for (mailbox, state) in self.mailboxes {
            if courier.stopped().is_cancelled() {
                return;
            }
            let job = folder::Job {
                mailbox: &mailbox,
                connector: &self.connector,
                move_to: options.move_to,
                message_max_bytes: options.message_max_bytes,
                state,
            };
            if let Err(error) = folder::import(courier, job).await {
                courier.refuse(Refused::failed(mailbox.to_string(), "mailbox", format!("{error:#}")), 0);
            }
        }
    }
}

/// A file name of a mailbox and a target: readable, and another one for another.
fn file_name(mailbox: &MailboxUrl, target: &str) -> String {
    const READABLE_MAX_CHARS: usize = 80;
    let text = format!("{}-{}", mailbox.account.host, mailbox.folder);
    let readable: String =
        text.chars().take(READABLE_MAX_CHARS).map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' }).collect();
    let hash = blake3::hash(format!("{mailbox}\n{target}").as_bytes()).to_hex();
    format!("{readable}-{}.json", hash.get(..16).unwrap_or_default())
}
