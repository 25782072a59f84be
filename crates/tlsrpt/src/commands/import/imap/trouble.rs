//! What goes wrong with a server, by what can be done about it.

use std::time::Duration;

use async_imap::error::Error;
use tokio::time::timeout;

/// Longest wait for the next piece of an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// What goes wrong with a server.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The connection: another one may do.
    Lost(anyhow::Error),
    /// The server says no to this command.
    Refused(anyhow::Error),
    /// Trying again is of no use: the login, the certificate.
    Fatal(anyhow::Error),
}

impl Trouble {
    pub(crate) fn context(self, what: impl Into<String>) -> Self {
        let what = what.into();
        match self {
            Self::Lost(error) => Self::Lost(error.context(what)),
            Self::Refused(error) => Self::Refused(error.context(what)),
            Self::Fatal(error) => Self::Fatal(error.context(what)),
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error {
            Error::No(_) | Error::Bad(_) | Error::Validate(_) => Self::Refused(error.into()),
            error => Self::Lost(error.into()),
        }
    }
}

/// Waits for an answer within its time.
pub(crate) async fn in_time<T>(answer: impl Future<Output = T>) -> Result<T, Trouble> {
    let late = |_| Trouble::Lost(anyhow::anyhow!("no answer within {} s", ANSWER_TIMEOUT.as_secs()));
    timeout(ANSWER_TIMEOUT, answer).await.map_err(late)
}

/// Waits for a whole answer within its time.
pub(crate) async fn patiently<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Trouble> {
    Ok(in_time(answer).await??)
}
