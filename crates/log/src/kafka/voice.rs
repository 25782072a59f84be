//! What every client tells while it works: its log lines and its errors.

use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::{KafkaError, RDKafkaErrorCode},
};

/// Passes on what librdkafka says, and notes when a client is beyond cure.
#[derive(Default)]
pub(super) struct Voice {
    is_dead: AtomicBool,
}

impl Voice {
    /// Whether the client met a fatal error: it does nothing any more and must be made anew.
    pub(super) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::Acquire)
    }

    /// Notes a fatal error.
    pub(super) fn die(&self) {
        self.is_dead.store(true, Ordering::Release);
    }
}

impl ClientContext for Voice {
    /// A connection that is lost is worth no more than `info`: librdkafka makes it anew, and whoever misses an answer says so.
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(facility, "librdkafka: {text}");
            }
            RDKafkaLogLevel::Debug => tracing::debug!(facility, "librdkafka: {text}"),
            _ => tracing::info!(facility, "librdkafka: {text}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::Fatal) => self.die(),
            // What a reader asked to be told.
            Some(RDKafkaErrorCode::PartitionEOF) => return,
            _ => {}
        }
        tracing::info!(%error, reason, "a Kafka client met an error");
    }
}

impl ConsumerContext for Voice {}
