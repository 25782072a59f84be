//! A broker's `server.properties`.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use crate::{certificate::Security, options::ClusterOptions, ports::Ports};

const CONTROLLER: &str = "CONTROLLER";
/// What the brokers fetch from each other.
const PEER: &str = "PEER";
const CLIENT: &str = "CLIENT";
const PROXIED: &str = "PROXIED";

/// Largest batch that is taken: room for one record of 80 MiB, the largest that the pipeline sends.
const BATCH_MAX_BYTES: u32 = 100 << 20;
/// Largest request, which holds a batch, and most bytes of requests that wait: with them the heap is as good as bounded.
const REQUEST_MAX_BYTES: u32 = BATCH_MAX_BYTES + (4 << 20);
/// Keys of some 300,000 records at a time; Kafka's own 128 MiB would be a third of the heap, and are taken at once.
const CLEANER_BUFFER_BYTES: u32 = 8 << 20;

/// The text of broker `index`'s `server.properties`, with its data in `data`.
pub(crate) fn text(options: &ClusterOptions, index: usize, ports: &[Ports], data: &Path, security: Option<&Security>) -> String {
    let mut all: BTreeMap<String, String> = fixed(options.brokers);
    all.extend(identity(index, ports, data));
    all.extend(listeners(options, index, ports, security));
    all.extend(options.properties.clone());
    let mut text = String::new();
    for (name, value) in all {
        // A string takes whatever is written to it.
        let _ = writeln!(text, "{name}={value}");
    }
    text
}

/// Kafka's number of broker `index`.
pub(crate) fn node_id(index: usize) -> usize {
    index + 1
}

fn fixed(brokers: usize) -> BTreeMap<String, String> {
    let copies = brokers.min(3);
    let in_sync = if copies == 3 { 2 } else { 1 };
    let copies: &str = &copies.to_string();
    let in_sync: &str = &in_sync.to_string();
    let batch_max: &str = &BATCH_MAX_BYTES.to_string();
    let request_max: &str = &REQUEST_MAX_BYTES.to_string();
    let cleaner_buffer: &str = &CLEANER_BUFFER_BYTES.to_string();
    let set = [
        ("process.roles", "broker,controller"),
        ("controller.listener.names", CONTROLLER),
        ("inter.broker.listener.name", PEER),
        ("default.replication.factor", copies),
        ("min.insync.replicas", in_sync),
        ("offsets.topic.replication.factor", copies),
        ("offsets.topic.num.partitions", "5"),
        ("transaction.state.log.replication.factor", copies),
        ("transaction.state.log.min.isr", in_sync),
        ("transaction.state.log.num.partitions", "5"),
        // One that its producer has left is aborted soon after its own time-out, which may be short.
        ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "1000"),
        ("auto.create.topics.enable", "false"),
        ("message.max.bytes", batch_max),
        ("socket.request.max.bytes", request_max),
        ("queued.max.request.bytes", request_max),
        ("replica.fetch.max.bytes", batch_max),
        ("replica.fetch.response.max.bytes", batch_max),
        ("log.cleaner.dedupe.buffer.size", cleaner_buffer),
        // A lone member need not wait for others.
        ("group.initial.rebalance.delay.ms", "0"),
        // Cleaning and retention soon enough for a test to see.
        ("log.cleaner.backoff.ms", "200"),
        ("log.cleaner.min.cleanable.ratio", "0.01"),
        ("log.retention.check.interval.ms", "1000"),
        ("log.segment.delete.delay.ms", "1000"),
        // A broker that is gone is missed soon, one that waits for a busy core is not.
        ("broker.heartbeat.interval.ms", "1000"),
        ("broker.session.timeout.ms", "6000"),
        ("replica.lag.time.max.ms", "6000"),
        // For the few cores and clients of a test.
        ("num.network.threads", "2"),
        ("num.io.threads", "4"),
        ("background.threads", "4"),
    ];
    set.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn identity(index: usize, ports: &[Ports], data: &Path) -> Vec<(String, String)> {
    let voter = |(index, ports): (usize, &Ports)| format!("{}@127.0.0.1:{}", node_id(index), ports.controller);
    let voters: Vec<_> = ports.iter().enumerate().map(voter).collect();
    vec![
        ("node.id".to_owned(), node_id(index).to_string()),
        ("controller.quorum.voters".to_owned(), voters.join(",")),
        ("log.dirs".to_owned(), data.display().to_string()),
    ]
}

fn listeners(options: &ClusterOptions, index: usize, ports: &[Ports], security: Option<&Security>) -> Vec<(String, String)> {
    let Some(own) = ports.get(index) else { return Vec::new() };
    let at = |ports: &Option<Vec<u16>>| ports.as_ref().and_then(|ports| ports.get(index).copied());
    let mut all = vec![
        (CONTROLLER, own.controller, own.controller),
        (PEER, own.peer, at(&options.peer_advertised_ports).unwrap_or(own.peer)),
        (CLIENT, own.client, own.client),
    ];
    if let Some(advertised) = at(&options.advertised_ports) {
        all.push((PROXIED, own.backend, advertised));
    }
    let protocol = |name: &str| if security.is_some() && [CLIENT, PROXIED].contains(&name) { "SASL_SSL" } else { "PLAINTEXT" };
    let joined = |one: &dyn Fn(&(&str, u16, u16)) -> String| all.iter().map(one).collect::<Vec<_>>().join(",");
    let mut set = vec![
        ("listeners".to_owned(), joined(&|(name, port, _)| format!("{name}://127.0.0.1:{port}"))),
        ("advertised.listeners".to_owned(), joined(&|(name, _, advertised)| format!("{name}://127.0.0.1:{advertised}"))),
        ("listener.security.protocol.map".to_owned(), joined(&|(name, ..)| format!("{name}:{}", protocol(name)))),
    ];
    for (name, ..) in &all {
        set.extend(security.filter(|_| protocol(name) == "SASL_SSL").map(|security| security.of_listener(name)).unwrap_or_default());
    }
    set
}
