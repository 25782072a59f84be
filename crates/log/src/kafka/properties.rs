//! What each kind of client is told, in librdkafka's words.

use std::time::Duration;

use rdkafka::ClientConfig;

use super::config::KafkaConfig;
use crate::error::LogError;

/// What a record may take in a request beside its own bytes: batch and record headers, field lengths.
pub(super) const RECORD_OVERHEAD_BYTES: usize = 64 << 10;

/// What a response may hold beside the records that were asked for.
const RESPONSE_OVERHEAD_BYTES: usize = 16 << 20;

/// Longest wait for one answer of a broker, before it is asked anew.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an append is tried before it is answered with an error.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the brokers keep a transaction open whose writer is gone: until then readers stop before it.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);

/// Upper limit that librdkafka has for sizes of messages and responses.
const SIZE_MAX_BYTES: usize = 1_000_000_000;

/// Properties that the backend's promises rest on, with the promise.
const RESERVED: &[(&str, &str)] = &[
    ("acks", "an acknowledged record is on every replica in sync"),
    ("auto.offset.reset", "a new group starts at the earliest record"),
    ("bootstrap.servers", "the brokers are set by themselves"),
    ("enable.auto.commit", "an offset is committed only when its work is durable"),
    ("enable.auto.offset.store", "an offset is committed only when its work is durable"),
    ("enable.idempotence", "a retried append is in the log once"),
    ("enable.partition.eof", "a reader knows when it is at the end"),
    ("group.id", "groups are named by the pipeline"),
    ("isolation.level", "readers see what is committed"),
    ("message.max.bytes", "sizes agree from the receiver to the brokers"),
    ("transactional.id", "the registry has one writer"),
];

/// A kind of client, since librdkafka warns of properties that are not for it.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Producer,
    Consumer,
}

/// Properties that are for producers alone, by their beginning.
const OF_PRODUCERS: &[&str] = &[
    "batch.",
    "compression.",
    "delivery.",
    "linger.ms",
    "message.timeout.ms",
    "partitioner",
    "queue.buffering.",
    "request.timeout.ms",
    "retries",
    "retry.backoff",
    "sticky.",
    "transaction.",
];

/// Properties that are for consumers alone, by their beginning.
const OF_CONSUMERS: &[&str] = &[
    "check.crcs",
    "fetch.",
    "group.",
    "heartbeat.",
    "max.partition.fetch.bytes",
    "max.poll.",
    "partition.assignment.strategy",
    "queued.",
    "session.timeout.ms",
];

impl KafkaConfig {
    /// Refuses a property that a promise rests on.
    pub(super) fn check(&self) -> Result<(), LogError> {
        let refuse = |reason: String| LogError::Engine { action: "configure Kafka".to_owned(), reason };
        if self.brokers.trim().is_empty() {
            return Err(refuse("no broker is named: give host:port, several by commas".to_owned()));
        }
        if self.record_max_bytes + RECORD_OVERHEAD_BYTES + RESPONSE_OVERHEAD_BYTES > SIZE_MAX_BYTES {
            return Err(refuse(format!("records of {} bytes are more than the client can carry", self.record_max_bytes)));
        }
        match RESERVED.iter().find(|(name, _)| self.properties.contains_key(*name)) {
            Some((name, promise)) => Err(refuse(format!("the property {name} cannot be set: {promise}"))),
            None => Ok(()),
        }
    }

    /// The largest batch that may have to go through: what `max.message.bytes` of a topic must allow.
    pub(super) fn batch_max_bytes(&self) -> usize {
        self.record_max_bytes + RECORD_OVERHEAD_BYTES
    }

    /// The shared producer: idempotent, acknowledged by every replica in sync.
    pub(super) fn producer(&self) -> ClientConfig {
        let mut client = self.client(Kind::Producer);
        self.set_appending(&mut client);
        // The bound is the backend's own; librdkafka's must not be met before.
        let queue_kib = (self.in_flight_max_bytes + self.record_max_bytes).div_ceil(1 << 10).clamp(1 << 10, 2_097_151);
        default(&mut client, "queue.buffering.max.kbytes", queue_kib);
        default(&mut client, "queue.buffering.max.messages", 10_000_000);
        client
    }

    /// A producer that fences whoever had `transactional_id` before.
    pub(super) fn transactional(&self, transactional_id: &str) -> ClientConfig {
        let mut client = self.client(Kind::Producer);
        self.set_appending(&mut client);
        client.set("transactional.id", transactional_id);
        let timeout_ms = TRANSACTION_TIMEOUT.as_millis();
        default(&mut client, "transaction.timeout.ms", timeout_ms);
        // Not beyond the transaction that it is part of.
        client.set("message.timeout.ms", timeout_ms.to_string());
        client
    }

    /// A member of a group.
    pub(super) fn member(&self, group: &str) -> ClientConfig {
        let mut client = self.consumer(group);
        // The newer protocol chooses the assignment and the session's length at the brokers, and takes neither from here.
        if self.properties.get("group.protocol").is_none_or(|protocol| protocol == "classic") {
            default(&mut client, "partition.assignment.strategy", "cooperative-sticky");
        }
        client
    }

    /// A reader of a whole topic, outside any group. The name is for the brokers' eyes: it never joins.
    pub(super) fn reader(&self, name: &str) -> ClientConfig {
        let mut client = self.consumer(name);
        client.set("enable.partition.eof", "true");
        client
    }

    /// A client that asks and changes what the cluster holds.
    pub(super) fn admin(&self) -> ClientConfig {
        self.client(Kind::Producer)
    }

    fn consumer(&self, group: &str) -> ClientConfig {
        let mut client = self.client(Kind::Consumer);
        client
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("isolation.level", "read_committed");
        let fetch_max_bytes = self.batch_max_bytes().max(16 << 20);
        default(&mut client, "fetch.max.bytes", fetch_max_bytes);
        default(&mut client, "receive.message.max.bytes", fetch_max_bytes + RESPONSE_OVERHEAD_BYTES);
        // What librdkafka reads ahead, beside the buffer of the member itself.
        default(&mut client, "queued.max.messages.kbytes", 16 << 10);
        default(&mut client, "queued.min.messages", 20_000);
        // How long a broker waits for one more byte: shorter than anybody would notice, longer than a busy loop.
        default(&mut client, "fetch.wait.max.ms", 100);
        client
    }

    fn set_appending(&self, client: &mut ClientConfig) {
        client.set("enable.idempotence", "true").set("acks", "all");
        default(client, "compression.type", "zstd");
        // Of 0, 1, 5 and 20 the one with the most acknowledgements a second at 64 senders who wait for theirs.
        default(client, "linger.ms", 1);
        default(client, "message.timeout.ms", DELIVERY_TIMEOUT.as_millis());
    }

    fn client(&self, kind: Kind) -> ClientConfig {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "tlsrpt")
            .set("socket.keepalive.enable", "true")
            .set("socket.timeout.ms", REQUEST_TIMEOUT.as_millis().to_string())
            .set("reconnect.backoff.max.ms", "1000")
            // Connections come and go; what is worth a line is said by whoever needs the connection.
            .set("log.connection.close", "false");
        client.set("message.max.bytes", self.batch_max_bytes().to_string());
        let foreign = match kind {
            Kind::Producer => OF_CONSUMERS,
            Kind::Consumer => OF_PRODUCERS,
        };
        for (name, value) in &self.properties {
            if !foreign.iter().any(|beginning| name.starts_with(beginning)) {
                client.set(name, value);
            }
        }
        client
    }
}

/// Sets what the operator has not set.
fn default(client: &mut ClientConfig, name: &str, value: impl ToString) {
    if client.get(name).is_none() {
        client.set(name, value.to_string());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use std::collections::BTreeMap;

    use super::*;

    fn config(properties: &[(&str, &str)]) -> KafkaConfig {
        let properties: BTreeMap<_, _> = properties.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        KafkaConfig { properties, record_max_bytes: 80 << 20, ..KafkaConfig::at("127.0.0.1:9092") }
    }

    #[test]
    fn every_client_is_one_that_librdkafka_takes() {
        let config = config(&[]);
        config.check().unwrap();
        for client in [config.producer(), config.transactional("id"), config.member("group"), config.reader("reader"), config.admin()] {
            client.create_native_config().unwrap();
        }
    }

    #[test]
    fn a_property_of_the_operator_wins_and_goes_to_the_clients_that_know_it() {
        let config = config(&[("linger.ms", "50"), ("session.timeout.ms", "9000"), ("security.protocol", "SASL_SSL")]);
        assert_eq!(config.producer().get("linger.ms"), Some("50"));
        assert_eq!(config.producer().get("session.timeout.ms"), None);
        assert_eq!(config.member("g").get("session.timeout.ms"), Some("9000"));
        assert_eq!(config.member("g").get("linger.ms"), None);
        for client in [config.producer(), config.member("g"), config.reader("r"), config.admin(), config.transactional("t")] {
            assert_eq!(client.get("security.protocol"), Some("SASL_SSL"));
        }
    }

    #[test]
    fn the_newer_group_protocol_is_given_no_assignment_strategy() {
        assert_eq!(config(&[]).member("g").get("partition.assignment.strategy"), Some("cooperative-sticky"));
        assert_eq!(config(&[("group.protocol", "consumer")]).member("g").get("partition.assignment.strategy"), None);
    }

    #[test]
    fn a_property_that_a_promise_rests_on_is_refused_by_name_and_reason() {
        for (name, promise) in RESERVED {
            let refused = config(&[(name, "1")]).check().unwrap_err().to_string();
            assert!(refused.contains(name) && refused.contains(promise), "{refused}");
        }
    }

    #[test]
    fn sizes_agree_from_the_producer_to_the_fetch() {
        let config = config(&[]);
        let size = |client: ClientConfig, name: &str| client.get(name).unwrap().parse::<usize>().unwrap();
        assert!(size(config.producer(), "message.max.bytes") > config.record_max_bytes);
        assert!(size(config.member("g"), "fetch.max.bytes") >= size(config.producer(), "message.max.bytes"));
        assert!(size(config.member("g"), "receive.message.max.bytes") > size(config.member("g"), "fetch.max.bytes"));
    }
}
