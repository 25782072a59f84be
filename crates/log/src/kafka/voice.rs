//! What every client tells while it works: its log lines and its errors.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::{KafkaError, RDKafkaErrorCode},
};

/// What librdkafka calls its lines on a broker that cannot be reached or does not let the client in.
const FAILURES: &str = "FAIL";

/// How long a failure explains others: librdkafka says the same again every 30 seconds while it goes on.
const FAILURE_AGE_MAX: Duration = Duration::from_secs(60);

/// Passes on what librdkafka says, and notes when a client is beyond cure.
#[derive(Default)]
pub(super) struct Voice {
    is_dead: AtomicBool,
    /// Why a broker was last lost: a refused password, a certificate that is not trusted. Its answers say no more than "transport
    /// failure".
    last_failure: Mutex<Option<(Instant, String)>>,
}

impl Voice {
    /// Whether the client met a fatal error: it does nothing any more and must be made anew.
    pub(super) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::Acquire)
    }

    /// Why a broker was lost just now, in librdkafka's words.
    pub(super) fn last_failure(&self) -> Option<String> {
        self.last_failure.lock().as_ref().filter(|(at, _)| at.elapsed() < FAILURE_AGE_MAX).map(|(_, words)| words.clone())
    }

    /// Notes a fatal error.
    pub(super) fn die(&self) {
        self.is_dead.store(true, Ordering::Release);
    }
}

impl ClientContext for Voice {
    /// A connection that is lost is worth no more than `info`: librdkafka makes it anew, and whoever misses an answer says so.
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        if facility == FAILURES {
            // Behind the name of librdkafka's thread.
            let words = text.split_once("]: ").map_or(text, |(_, words)| words);
            *self.last_failure.lock() = Some((Instant::now(), words.to_owned()));
        }
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(facility, "librdkafka: {text}");
            }
            RDKafkaLogLevel::Debug => tracing::debug!(facility, "librdkafka: {text}"),
            _ => tracing::info!(facility, "librdkafka: {text}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.die();
        }
        tracing::info!(%error, reason, "a Kafka client met an error");
    }
}

impl ConsumerContext for Voice {}
