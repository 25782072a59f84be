//! What the tests put together: a broker, a database, and roles over both.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, process::Command, sync::Arc};

use tempfile::TempDir;
use tlsrpt_kafka_broker::{Cluster, ClusterOptions};
use tlsrpt_store::embedded::{Embedded, EmbeddedConfig};
use tlsrpt_tests::{Operator, Proxy, Role, Service, Setup, free_address, program};
use tokio::sync::{Mutex, MutexGuard};

pub(crate) const ADMIN_KEY: &str = "the-operators-key";

/// One engine a process: the tests that have one come one after the other.
static ONE: Mutex<()> = Mutex::const_new(());

/// The broker that tests share which do it no harm.
pub(crate) async fn broker() -> &'static Cluster {
    tlsrpt_kafka_broker::shared(ClusterOptions::default()).await.unwrap()
}

/// A broker behind a proxy that can be cut.
pub(crate) async fn broker_behind_a_proxy() -> (Cluster, Proxy) {
    let listen = free_address().await;
    let options = ClusterOptions { advertised_ports: Some(vec![listen.port()]), ..ClusterOptions::default() };
    let cluster = Cluster::start(options).await.unwrap();
    let target = SocketAddr::from(([127, 0, 0, 1], cluster.backend_port(0)));
    (cluster, Proxy::at(listen, target))
}

/// A set-up of its own on a broker: apart from others by its prefix.
pub(crate) struct Kafka {
    pub(crate) brokers: String,
    pub(crate) prefix: String,
    properties: BTreeMap<String, String>,
}

impl Kafka {
    pub(crate) fn at(brokers: &str) -> Self {
        Self { brokers: brokers.to_owned(), prefix: format!("t{:016x}.", rand::random::<u64>()), properties: BTreeMap::new() }
    }

    pub(crate) fn with(mut self, properties: BTreeMap<String, String>) -> Self {
        self.properties = properties;
        self
    }

    /// An import straight into it.
    pub(crate) fn import(&self, source: &Path) -> Command {
        let mut command = program();
        command.args(["import", "--into-log", "--kafka-brokers", &self.brokers, "--kafka-prefix", &self.prefix]).arg(source);
        command.env("TLSRPT_KAFKA__PARTITIONS", "2");
        command
    }

    /// A role over it.
    pub(crate) fn role(&self, role: Role) -> Setup {
        let mut setup = Setup::new()
            .role(role)
            .config("[kafka]\npartitions = 2\n[writer]\nbatch_linger_ms = 50\n")
            .flag("--kafka-brokers", &self.brokers)
            .flag("--kafka-prefix", &self.prefix);
        if matches!(role, Role::AllInOne | Role::Query) {
            setup = setup.flag("--admin-key", ADMIN_KEY);
        }
        self.properties.iter().fold(setup, |setup, (name, value)| setup.flag("--kafka-property", &format!("{name}={value}")))
    }
}

/// A database server.
pub(crate) struct Database {
    engine: Embedded,
    _dir: TempDir,
    _one: MutexGuard<'static, ()>,
}

impl Database {
    pub(crate) async fn start() -> Self {
        let one = ONE.lock().await;
        let dir = tempfile::Builder::new().prefix("tlsrpt-e2e-server-").tempdir().unwrap();
        let engine = Embedded::start(EmbeddedConfig::new(dir.path().join("clickhouse"))).await.unwrap();
        Self { engine, _dir: dir, _one: one }
    }

    /// A role that uses it.
    pub(crate) fn of(&self, setup: Setup) -> Setup {
        self.settings().into_iter().fold(setup, |setup, (flag, value)| setup.flag(flag, value))
    }

    fn settings(&self) -> [(&'static str, &str); 3] {
        let config = &self.engine.config;
        [("--clickhouse-url", &config.url), ("--clickhouse-user", &config.user), ("--clickhouse-password", &config.password)]
    }

    /// The flags that name it.
    pub(crate) fn flags(&self) -> Vec<&str> {
        self.settings().into_iter().flat_map(|(flag, value)| [flag, value]).collect()
    }

    /// Runs a statement on it.
    pub(crate) async fn run(&self, statement: &str) {
        let config = &self.engine.config;
        let client = clickhouse::Client::default().with_url(&config.url).with_user(&config.user).with_password(&config.password);
        let client =
            client.with_database(&config.database).with_compression(clickhouse::Compression::None).with_setting("mutations_sync", "2");
        client.query(statement).execute().await.unwrap();
    }

    pub(crate) async fn stop(self) {
        self.engine.stop().await;
    }
}

/// One of each role.
pub(crate) struct Roles {
    pub(crate) edge: Service,
    pub(crate) normalizer: Service,
    pub(crate) writer: Service,
    pub(crate) query: Service,
}

impl Roles {
    /// Starts them; `change` is applied to each.
    pub(crate) async fn start(kafka: &Kafka, database: &Database, change: impl Fn(Setup) -> Setup) -> Self {
        Self {
            query: change(database.of(kafka.role(Role::Query))).start().await,
            writer: change(database.of(kafka.role(Role::Writer))).start().await,
            normalizer: change(kafka.role(Role::Normalizer)).start().await,
            edge: change(kafka.role(Role::Edge)).start().await,
        }
    }

    pub(crate) fn operator(&self) -> Operator {
        operator(&self.query)
    }

    pub(crate) async fn finish(self) {
        for service in [self.edge, self.normalizer, self.writer, self.query] {
            service.finish().await;
        }
    }
}

/// The operator at a query service.
pub(crate) fn operator(query: &Service) -> Operator {
    Operator(query.caller(Some(ADMIN_KEY)))
}

/// A figure of a service's metrics.
pub(crate) async fn figure(service: &Service, name: &str) -> f64 {
    let metrics = service.operations().get("/metrics").await.text();
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name}:\n{metrics}")).parse().unwrap()
}

/// A client of the broker, for what only a test does to it.
pub(crate) fn admin(cluster: &Cluster) -> Arc<rdkafka::admin::AdminClient<rdkafka::client::DefaultClientContext>> {
    Arc::new(rdkafka::ClientConfig::new().set("bootstrap.servers", cluster.bootstrap()).create().unwrap())
}
