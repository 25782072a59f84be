//! What can go wrong.

use std::{io, path::PathBuf};

/// A cluster did not start, or a broker did not do as told.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// There is nothing to run.
    #[error("no Kafka jars in {}: run `make kafka-jars`, or set TLSRPT_KAFKA_JARS to a directory that has them", directory.display())]
    NoJars {
        /// Where they were looked for.
        directory: PathBuf,
    },
    /// The options contradict each other.
    #[error("start Kafka: {reason}")]
    Options {
        /// In what.
        reason: String,
    },
    /// A file, a port or a process could not be made or used.
    #[error("{action}")]
    System {
        /// Verb and object.
        action: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The certificate of the TLS listeners could not be made.
    #[error("make the brokers' certificate")]
    Certificate {
        /// Why not.
        #[source]
        source: rcgen::Error,
    },
    /// The storage tool refused.
    #[error("format the storage of Kafka broker {broker}: {output}")]
    Format {
        /// Its number, from 0.
        broker: usize,
        /// The tool's words.
        output: String,
    },
    /// The broker ended instead of answering.
    #[error("Kafka broker {broker} ended while it started; its log ends with:\n{log}")]
    Ended {
        /// Its number, from 0.
        broker: usize,
        /// The last lines of its log.
        log: String,
    },
    /// The broker runs and does not answer, or does not end.
    #[error("Kafka broker {broker} does not {what} within {seconds} s; its log ends with:\n{log}")]
    Hangs {
        /// Its number, from 0.
        broker: usize,
        /// Verb.
        what: &'static str,
        /// How long was waited.
        seconds: u64,
        /// The last lines of its log.
        log: String,
    },
    /// Nobody waits any more for the broker to answer.
    #[error("nobody waits for Kafka any more")]
    GivenUp,
    /// The cluster has no such broker.
    #[error("there is no Kafka broker {broker}")]
    NoBroker {
        /// The number, from 0.
        broker: usize,
    },
    /// The broker does not run (for a restart: it does).
    #[error("Kafka broker {broker} {state}")]
    State {
        /// Its number, from 0.
        broker: usize,
        /// How it is instead.
        state: &'static str,
    },
}

impl ClusterError {
    /// For `map_err`: what was done when the system refused.
    pub(crate) fn system(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::System { action, source }
    }
}
