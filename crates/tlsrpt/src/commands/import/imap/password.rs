//! The mailbox's password: from a variable, a file, or a person. Never from the command line.

use std::{
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    path::Path,
};

use anyhow::Context as _;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use super::url::Account;
use crate::config::Secret;

/// The variable.
pub(crate) const VARIABLE: &str = "TLSRPT_IMAP_PASSWORD";
/// Longest password that is read.
const PASSWORD_MAX_BYTES: u64 = 4096;

/// Reads the password of `account`.
pub(crate) fn read(account: &Account, file: Option<&Path>) -> anyhow::Result<Secret> {
    let password = match (file, std::env::var(VARIABLE)) {
        (Some(file), _) => {
            let text = std::fs::File::open(file).and_then(|file| io::read_to_string(io::Read::take(file, PASSWORD_MAX_BYTES)));
            text.with_context(|| format!("read the password in {}", file.display()))?
        }
        (None, Ok(password)) => password,
        (None, Err(_)) => ask(account)?,
    };
    let password = password.trim_end_matches(['\r', '\n']);
    anyhow::ensure!(!password.is_empty(), "the password of {account} is empty");
    Ok(Secret::new(password.to_owned()))
}

/// Asks the person at the terminal, who does not see what is typed.
fn ask(account: &Account) -> anyhow::Result<String> {
    let stdin = io::stdin();
    anyhow::ensure!(
        stdin.is_terminal(),
        "no password of {account}: set {VARIABLE}, give --password-file FILE, or start this at a terminal, where it is asked for"
    );
    eprint!("Password of {account}: ");
    io::stderr().flush()?;
    let echoing = tcgetattr(&stdin)?;
    let mut silent = echoing.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&stdin, OptionalActions::Flush, &silent)?;
    let mut password = String::new();
    let read = io::Read::take(stdin.lock(), PASSWORD_MAX_BYTES).read_line(&mut password);
    // Whatever was read, the terminal shows again what is typed.
    tcsetattr(&stdin, OptionalActions::Flush, &echoing)?;
    eprintln!();
    read?;
    Ok(password)
}
