//! Where messages go: a running service, the log itself, or nowhere in a dry run.

use std::time::Duration;

use bytes::Bytes;
use tlsrpt_log::ProduceError;
use tlsrpt_record::{SUBMISSIONS, Submission};
use tlsrpt_report::UnixMillis;

use super::service::Service;
use crate::wiring::OpenLog;

/// Where messages go.
pub(crate) enum Target {
    /// A running service.
    Service(Service),
    /// The log: embedded in this process, or Kafka.
    Log(OpenLog),
    /// Nowhere.
    DryRun,
}

/// Why a message is not there yet.
#[derive(Debug)]
pub(crate) enum NotTaken {
    /// Later it may be; the service may say when.
    Later { why: String, after: Option<Duration> },
    /// This message never will be.
    Never { reason: String, detail: String },
    /// None will be: the key, the address, the log itself is wrong.
    Nothing(String),
}

impl Target {
    /// Brings one message. When it answers, it is durable there.
    pub(crate) async fn bring(&self, received_at: UnixMillis, address: Option<&str>, payload: Bytes) -> Result<(), NotTaken> {
        match self {
            Self::Service(service) => service.submit(received_at, address, payload).await,
            Self::Log(log) => {
                let submission = Submission::imported(received_at, address.map(str::to_ascii_lowercase), payload);
                let answer = log.log().producer().send(SUBMISSIONS.name, submission.into_record()).await;
                answer.map(drop).map_err(|error| match error {
                    ProduceError::Full | ProduceError::Unavailable { .. } | ProduceError::Unknown => {
                        NotTaken::Later { why: error.to_string(), after: None }
                    }
                    ProduceError::TooLarge { .. } => NotTaken::Never { reason: "too-large".to_owned(), detail: error.to_string() },
                    ProduceError::NoTopic { .. } | ProduceError::Fenced | ProduceError::Closed => NotTaken::Nothing(error.to_string()),
                })
            }
            Self::DryRun => Ok(()),
        }
    }

    /// Ends in order: what was taken is durable already.
    pub(crate) async fn close(self) {
        if let Self::Log(log) = self {
            log.close().await;
        }
    }
}
