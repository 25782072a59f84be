//! The metrics of a process beside those of its roles, and all of them by role, for the table of `tlsrpt metrics`.

use std::path::{Path, PathBuf};

use tlsrpt_log::{Lag, register_appends};
use tlsrpt_origin::{OriginConfig, Verifier};
use tlsrpt_registry::RegistrySize;
use tlsrpt_telemetry::{
    Health,
    otlp::Otlp,
    prometheus::{self, IntGauge, Opts, Registry, process_collector::ProcessCollector},
    register_gauges,
};

use super::{
    edge,
    lag::{Groups, LagMetrics},
    log, normalizer, query, writer,
};

/// Registers what every process shows, whichever roles run in it.
pub(super) fn of_process(metrics: &Registry, health: &Health, data_dir: PathBuf) -> Result<(), prometheus::Error> {
    metrics.register(Box::new(ProcessCollector::for_self()))?;
    let build = IntGauge::with_opts(
        Opts::new("tlsrpt_build_info", "1; its label says which version this is").const_label("version", env!("CARGO_PKG_VERSION")),
    )?;
    build.set(1);
    metrics.register(Box::new(build))?;
    health.register(metrics)?;
    let of_disk = [
        ("tlsrpt_data_dir_free_bytes", "Bytes that are free for this process on the file system of the data directory"),
        ("tlsrpt_data_dir_size_bytes", "Size of the file system of the data directory"),
    ];
    register_gauges(metrics, of_disk, move || disk(&data_dir))?;
    let of_allocator = [("tlsrpt_allocator_committed_bytes", "Memory that the allocator holds from the system, in use or kept for later")];
    register_gauges(metrics, of_allocator, || committed_bytes().map(|bytes| [bytes]))
}

/// Registers how much the registry of this process holds.
pub(super) fn of_registry(metrics: &Registry, read: impl Fn() -> RegistrySize + Send + Sync + 'static) -> Result<(), prometheus::Error> {
    let named = [
        ("tlsrpt_registry_tenants", "Tenants that this process knows, without those that were deleted"),
        ("tlsrpt_registry_domains", "Claimed domains that this process knows"),
        ("tlsrpt_registry_keys", "Tenants' keys that this process knows; expired ones are among them for a while"),
    ];
    register_gauges(metrics, named, move || {
        let size = read();
        Some([size.tenants, size.domains, size.keys].map(count))
    })
}

#[expect(clippy::cast_precision_loss, reason = "what memory holds is far below 2^52")]
fn count(things: usize) -> f64 {
    things as f64
}

/// Free bytes and size of the file system; none while the directory is not there, as for a role that keeps nothing.
#[expect(clippy::cast_precision_loss, reason = "a disk of 2^52 bytes is told well enough")]
fn disk(data_dir: &Path) -> Option<[f64; 2]> {
    let found = rustix::fs::statvfs(data_dir).ok()?;
    Some([found.f_bavail, found.f_blocks].map(|blocks| blocks as f64 * found.f_frsize as f64))
}

/// What mimalloc says of itself.
fn committed_bytes() -> Option<f64> {
    let told = mimalloc::MiMalloc::stats_json().ok()?;
    let told: serde_json::Value = serde_json::from_slice(told.to_bytes()).ok()?;
    told.get("process")?.get("commit_current")?.as_f64()
}

/// A role as a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Edge,
    Normalizer,
    Writer,
    Query,
}

impl Role {
    pub(crate) const ALL: [Self; 4] = [Self::Edge, Self::Normalizer, Self::Writer, Self::Query];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Normalizer => "normalizer",
            Self::Writer => "writer",
            Self::Query => "query",
        }
    }

    /// What readiness looks at.
    fn dependencies(self) -> &'static [&'static str] {
        match self {
            Self::Edge => &["startup", "https", "smtp", "intake"],
            Self::Normalizer => &["startup", "kafka", "normalizer"],
            Self::Writer => &["startup", "kafka", "database", "writer", "audit"],
            Self::Query => &["startup", "database"],
        }
    }

    /// Whose lag it shows.
    fn groups(self) -> Groups {
        match self {
            Self::Edge => &[],
            Self::Normalizer => &[normalizer::LAG],
            Self::Writer => &[writer::LAG, writer::AUDIT_LAG],
            Self::Query => &[normalizer::LAG, writer::LAG, writer::AUDIT_LAG],
        }
    }

    /// The topics it appends to.
    fn appends(self) -> &'static [&'static str] {
        match self {
            Self::Edge => &edge::APPENDS,
            Self::Normalizer => &normalizer::APPENDS,
            Self::Writer => &writer::APPENDS,
            Self::Query => &query::APPENDS,
        }
    }
}

/// Everything that a process with this role alone shows, over Kafka, registered as its parts do.
pub(crate) fn of_role(role: Role) -> anyhow::Result<Registry> {
    let metrics = Registry::new();
    let health = Health::new();
    for name in role.dependencies() {
        let _ = health.dependency(name);
    }
    of_process(&metrics, &health, PathBuf::from("/"))?;
    Otlp::register(&metrics)?;
    log::up(&metrics)?;
    if !role.appends().is_empty() {
        register_appends(&metrics, role.appends())?;
    }
    if role != Role::Writer {
        of_registry(&metrics, RegistrySize::default)?;
    }
    if !role.groups().is_empty() {
        let lag = LagMetrics::register(&metrics)?;
        for (topic, group) in role.groups() {
            lag.show(topic, group, &Lag { by_partition: [(0, 0)].into(), ..Lag::default() });
        }
    }
    match role {
        Role::Edge => drop(tlsrpt_edge::Metrics::register(&metrics)?),
        Role::Normalizer => {
            drop(tlsrpt_normalizer::Metrics::register(&metrics)?);
            Verifier::new(&OriginConfig::default())?.register(&metrics)?;
        }
        Role::Writer => drop(tlsrpt_writer::Metrics::register(&metrics)?),
        Role::Query => tlsrpt_query::register_metrics(&metrics)?,
    }
    Ok(metrics)
}
