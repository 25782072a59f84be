//! The query service in a process: the API, and the tasks that keep the database's view in order.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use tlsrpt_backup::{Backups, Source};
use tlsrpt_outbound::{Client, ClientOptions, Reach, ResolverOptions, resolver};
use tlsrpt_query::{AdminKey, Adoption, Claims, Courier, Erasures, Fates, Notifications, Parts, Query, QueryMetrics, Retention, Verdicts};
use tlsrpt_record::{AUDIT, NORMALIZED, REGISTRY, SUBMISSIONS};
use tlsrpt_registry::Registry;
use tlsrpt_store::Store;

use super::{data_dir, process::Process, publication};
use crate::{
    admin_key,
    config::{Config, Secret},
};

/// The topics that it appends to: replays and imports, the audit log, the registry.
pub(super) const APPENDS: [&str; 3] = [SUBMISSIONS.name, AUDIT.name, REGISTRY.name];

/// The operator's key; made now when there is none, before anybody has to wait for anything.
pub(super) fn admin_key(process: &Process<'_>) -> anyhow::Result<Secret> {
    data_dir::make(process.config)?;
    admin_key::load_or_create(process.config)
}

/// Starts the API on a database whose schema is up to date; answers where it listens.
pub(super) async fn start(
    process: &mut Process<'_>,
    admin_key: &Secret,
    registry: Arc<Registry>,
    store: Store,
) -> anyhow::Result<Option<SocketAddr>> {
    // The topics whose lag is what is pending, to which a replay goes, and to which what is audited does.
    if process.declare(&[&SUBMISSIONS, &NORMALIZED, &AUDIT]).await?.is_none() {
        return Ok(None);
    }
    let config = process.config;
    let claims = Claims::default();
    let metrics = QueryMetrics::register(&process.metrics)?;
    let adoption = Adoption::new(store.clone(), Arc::clone(&registry), claims.clone(), metrics.clone(), &config.query);
    let shutdown = process.shutdown.clone();
    process.roles.start("adoption", async {
        adoption.run(shutdown).await;
        Ok(())
    });
    let fates = Fates::register(store.clone(), &process.metrics)?;
    let shutdown = process.shutdown.clone();
    process.roles.start("fates", async {
        fates.run(shutdown).await;
        Ok(())
    });
    let log = Arc::clone(&process.log);
    let verdicts = Verdicts::register(store.clone(), Arc::clone(&log), &config.query, &process.metrics)?;
    let shutdown = process.shutdown.clone();
    process.roles.start("verdicts", async {
        verdicts.run(shutdown).await;
        Ok(())
    });
    let erasures = Erasures::register(store.clone(), Arc::clone(&registry), Arc::clone(&log), &config.query, &process.metrics)?;
    let shutdown = process.shutdown.clone();
    process.roles.start("erasures", async {
        erasures.run(shutdown).await;
        Ok(())
    });
    let retention = Retention::register(store.clone(), Arc::clone(&registry), &config.query, &process.metrics)?;
    let shutdown = process.shutdown.clone();
    process.roles.start("retention", async {
        retention.run(shutdown).await;
        Ok(())
    });
    let courier = courier(config)?;
    let notifications = Notifications::register(
        store.clone(),
        Arc::clone(&registry),
        courier.clone(),
        &config.notifications,
        &config.query,
        &process.metrics,
    )?;
    let shutdown = process.shutdown.clone();
    process.roles.start("notifications", async {
        notifications.run(shutdown).await;
        Ok(())
    });
    let backups = match &process.embedded_log {
        Some(log) if config.is_embedded() => {
            let source =
                Source { data_dir: config.data_dir.clone(), log: Arc::clone(log), store: store.clone(), registry: Arc::clone(&registry) };
            Some(Backups::new(config.backups_dir()?, source))
        }
        _ => None,
    };
    let parts = Parts {
        store,
        registry,
        log,
        admin_key: Some(AdminKey::new(admin_key.reveal())?),
        claims,
        checker: publication::checker(config)?,
        receiver: publication::receiver(config),
        courier,
        backups,
        metrics,
        tracer: process.tracer.clone(),
    };
    let listen = config.listen.query;
    let query = Query::bind(listen, config.query.clone(), parts)
        .await
        .with_context(|| format!("listen on {listen} for the API: is the address this machine's, and free?"))?;
    let addr = query.local_addr();
    let shutdown = process.shutdown.clone();
    process.roles.start("query", async { Ok(query.serve(shutdown).await?) });
    Ok(Some(addr))
}

/// Answers to questions for tenants' hosts that are remembered.
const DNS_CACHE_ENTRIES: u64 = 10_000;
/// Such questions under way at one time.
const DNS_QUESTIONS: usize = 256;

/// What takes notices to tenants.
fn courier(config: &Config) -> anyhow::Result<Courier> {
    let timeout = config.notifications.timeout();
    let options = ResolverOptions { timeout, cache_entries_max: DNS_CACHE_ENTRIES, active_requests_max: DNS_QUESTIONS };
    let resolver = resolver(&config.origin.servers, &options)?;
    let options = ClientOptions {
        connect_timeout: timeout,
        timeout,
        user_agent: concat!("tlsrpt/", env!("CARGO_PKG_VERSION")),
        authorities: Vec::new(),
    };
    let client = Client::new(Reach::new(config.outbound.allow_networks.clone()), resolver, options)?;
    Ok(Courier::new(&config.notifications, client)?)
}
