//! The pipeline under test: real brokers, the real engine, every role as a process of its own, and proxies in between.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer as _},
};
use tempfile::TempDir;
use tlsrpt_kafka_broker::{Cluster, ClusterOptions};
use tlsrpt_store::embedded::{Embedded, EmbeddedConfig};
use tlsrpt_tests::{
    Caller, Disk, Expected, Ledger, Misses, Operator, Proxy, Role, Sender, Sent, Service, Setup, SharedSent, TenantAccess, free_address,
    reckon, shown,
};

use crate::{
    clock::{self, Clock},
    faults::Who,
    table::Line,
};

const ADMIN_KEY: &str = "chaos-admin-key";

const NOBODYS: &str = "nobodys.example";
const DOMAINS: [&str; 4] = ["a0.example", "a1.example", "b0.example", NOBODYS];

fn owner(domain: &str) -> Option<&'static str> {
    match domain {
        "a0.example" | "a1.example" => Some("a"),
        "b0.example" => Some("b"),
        _ => None,
    }
}

/// The edge's disk: enough for what it spools in minutes, and soon full.
const DISK_MIB: u32 = 96;

/// How long the pipeline may take to catch up.
const QUIET_MAX: Duration = Duration::from_secs(180);

/// How long a reckoning may differ: what was refused may still be on its way when nothing is pending.
const DIFFERS_MAX: Duration = Duration::from_secs(45);

/// What the roles say loudly when they are treated like this.
const LOUD: [&str; 28] = [
    "Kafka is away",
    "a dependency is away at the start",
    "the log takes no submissions",
    "the log is away: submissions go to the spool",
    "the spool",
    "cannot be read",
    "trying again",
    "the offset cannot be committed",
    "the log does not take normalized records",
    "the database cannot take a batch now",
    "the database is away",
    "adoption waits",
    "deferred verdicts have to wait",
    "notifications have to wait",
    "ask the database",
    "this process stood still",
    "roles did not end within",
    "made anew",
    "joins anew",
    "not every append was acknowledged",
    "the log cannot write and opens its store again",
    "the log cannot drop old segments yet",
    "Flush error",
    "Compaction error",
    "crashed: Storage",
    "fetching cannot be paused",
    "the group's offsets cannot be read",
    "the registry topic",
];

/// A role's process and its clock.
pub(crate) struct Member {
    pub(crate) service: Service,
    pub(crate) clock: Clock,
}

/// Everything.
pub(crate) struct World {
    pub(crate) kafka: Cluster,
    /// Between one broker and the edge, the first normalizer and the first writer.
    pub(crate) to_kafka: Vec<Proxy>,
    /// Between the other brokers and each one, where there are others.
    pub(crate) to_peer: Vec<Proxy>,
    engine: Embedded,
    pub(crate) to_database: Proxy,
    pub(crate) edge: Member,
    pub(crate) normalizers: Vec<Member>,
    pub(crate) writers: Vec<Member>,
    pub(crate) query: Member,
    pub(crate) disk: Option<Disk>,
    pub(crate) sent: SharedSent,
    tenants: Vec<(&'static str, TenantAccess)>,
    ledger: Ledger,
    brokers: usize,
    clock_library: std::path::PathBuf,
    https_listen: SocketAddr,
    pub(crate) smtp_listen: SocketAddr,
    dir: TempDir,
}

/// A proxy at each address, in front of a port of the broker with its number.
async fn in_front(addresses: &[SocketAddr], port: impl Fn(usize) -> u16) -> Vec<Proxy> {
    let mut proxies = Vec::new();
    for (broker, &listen) in addresses.iter().enumerate() {
        let mut proxy = Proxy::at(listen, SocketAddr::from(([127, 0, 0, 1], port(broker))));
        proxy.restore().await;
        proxies.push(proxy);
    }
    proxies
}

impl World {
    /// Starts everything, with so many brokers.
    pub(crate) async fn start(seed: u64, brokers: usize) -> Self {
        let dir = tempfile::Builder::new().prefix("tlsrpt-chaos-").tempdir().unwrap();
        let clock_library = clock::library(dir.path());

        let (mut proxies, mut peers) = (Vec::new(), Vec::new());
        for _ in 0..brokers {
            proxies.push(free_address().await);
            peers.push(free_address().await);
        }
        let ports = |of: &[SocketAddr]| of.iter().map(SocketAddr::port).collect::<Vec<_>>();
        let mut options = ClusterOptions::brokers(brokers);
        options.advertised_ports = Some(ports(&proxies));
        options.peer_advertised_ports = (brokers > 1).then(|| ports(&peers));
        let kafka = Cluster::start(options).await.unwrap();
        let to_kafka = in_front(&proxies, |broker| kafka.backend_port(broker)).await;
        let to_peer = if brokers > 1 { in_front(&peers, |broker| kafka.peer_backend_port(broker)).await } else { Vec::new() };

        let engine = Embedded::start(EmbeddedConfig::new(dir.path().join("clickhouse"))).await.unwrap();
        let mut to_database = Proxy::reserve(engine.config.url.strip_prefix("http://").unwrap().parse().unwrap()).await;
        to_database.restore().await;

        let mut world = Parts {
            kafka: &kafka,
            to_kafka: &to_kafka,
            engine: &engine,
            to_database: &to_database,
            clock_library: &clock_library,
            dir: &dir,
            brokers,
        };
        let (https_listen, smtp_listen) = (free_address().await, free_address().await);
        let (edge, disk) = world.edge(https_listen, smtp_listen).await;
        let query = world.member(Who::Query, 0).await;
        let normalizers = vec![world.member(Who::Normalizer, 0).await, world.member(Who::Normalizer, 1).await];
        let writers = vec![world.member(Who::Writer, 0).await, world.member(Who::Writer, 1).await];
        let mut world = Self {
            kafka,
            to_kafka,
            to_peer,
            engine,
            to_database,
            edge,
            normalizers,
            writers,
            query,
            disk,
            sent: SharedSent::new(Sent::new(seed, &DOMAINS)),
            tenants: Vec::new(),
            ledger: Ledger::default(),
            brokers,
            clock_library,
            https_listen,
            smtp_listen,
            dir,
        };
        let operator = world.operator();
        world.tenants =
            vec![("a", operator.tenant("a", &["a0.example", "a1.example"]).await), ("b", operator.tenant("b", &["b0.example"]).await)];
        world
    }

    fn parts(&self) -> Parts<'_> {
        Parts {
            kafka: &self.kafka,
            to_kafka: &self.to_kafka,
            engine: &self.engine,
            to_database: &self.to_database,
            clock_library: &self.clock_library,
            dir: &self.dir,
            brokers: self.brokers,
        }
    }

    /// One more replica, which has the number `number`.
    pub(crate) async fn add(&mut self, who: Who, number: usize) {
        let member = self.parts().member(who, number).await;
        match who {
            Who::Normalizer => self.normalizers.push(member),
            Who::Writer => self.writers.push(member),
            Who::Edge | Who::Query => panic!("there is one {}", who.name()),
        }
    }

    /// The process of a role on which faults fall.
    pub(crate) fn member(&mut self, who: Who) -> &mut Member {
        match who {
            Who::Edge => &mut self.edge,
            Who::Normalizer => &mut self.normalizers[0],
            Who::Writer => &mut self.writers[0],
            Who::Query => &mut self.query,
        }
    }

    pub(crate) fn sender(&self) -> Sender {
        Sender::new(self.edge.service.http(), format!("http://{}", self.https_listen))
    }

    /// An address here that reports are mailed to.
    pub(crate) fn mail_to(&self) -> String {
        let (_, access) = self.tenants.first().expect("the world has tenants");
        format!("{}@reports.example", access.address)
    }

    fn operator(&self) -> Operator {
        Operator(self.query.service.caller(Some(ADMIN_KEY)))
    }

    fn tenant(&self, access: &TenantAccess) -> Caller {
        self.query.service.tenant(&access.key)
    }

    /// Waits until nothing is pending, in the spool or on the log.
    async fn quiet(&self) {
        let deadline = Instant::now() + QUIET_MAX;
        loop {
            let found = match self.spooled().await {
                Ok(0) => match self.pending().await {
                    Ok(0) => return,
                    Ok(pending) => format!("{pending} pending"),
                    Err(error) => error,
                },
                Ok(spooled) => format!("{spooled} in the spool"),
                Err(error) => error,
            };
            assert!(Instant::now() < deadline, "not quiet after {} s: {found}", QUIET_MAX.as_secs());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn spooled(&self) -> Result<u64, String> {
        let metrics = self.edge.service.operations().get("/metrics").await.text();
        let line = metrics.lines().find_map(|line| line.strip_prefix("tlsrpt_edge_spool_records "));
        line.and_then(|count| count.parse::<f64>().ok()).map(|count| count as u64).ok_or_else(|| "no figure of the spool".to_owned())
    }

    async fn pending(&self) -> Result<u64, String> {
        let answer = self.operator().get("/admin/v1/ledger").await;
        if answer.status == 200 { answer.json()["pending"].as_u64().ok_or_else(|| answer.text()) } else { Err(answer.text()) }
    }

    /// Waits until the pipeline has caught up since `healed`, and compares what it shows with what the senders know.
    ///
    /// # Panics
    /// When something is lost, doubled, foreign or miscounted, with the line.
    pub(crate) async fn reckon(&mut self, fault: String, before: (usize, usize), healed: Instant) -> Line {
        self.quiet().await;
        let recovered_in = healed.elapsed();
        let deadline = Instant::now() + DIFFERS_MAX;
        loop {
            let (line, found) = self.compare(&fault, before, recovered_in).await;
            match found {
                None => return line,
                Some(found) => assert!(Instant::now() < deadline, "{}\n{found}", line.text()),
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.quiet().await;
        }
    }

    async fn compare(&mut self, fault: &str, before: (usize, usize), recovered_in: Duration) -> (Line, Option<String>) {
        let operator = self.operator();
        let ledger = Ledger::read(&operator).await;
        let (misses, expected, acknowledged, unanswered) = {
            let taken = self.sent.take();
            let (misses, arrived) = reckon(&operator, &taken).await;
            let counts = (taken.acknowledged.len(), taken.unanswered.len());
            let expected = Expected::of(&taken, &arrived, owner);
            self.sent.put_back(taken);
            (misses, expected, counts.0, counts.1)
        };
        let mut miscounted = ledger.stored.abs_diff(expected.ledger.stored);
        let mut differences = Vec::new();
        for (id, access) in &self.tenants {
            let (shown, expected) = (shown(&self.tenant(access)).await, expected.totals.get(&Some(*id)).copied().unwrap_or_default());
            if shown != expected {
                miscounted += shown.reports.abs_diff(expected.reports).max(1);
                differences.push(format!("tenant {id} is shown {shown:?} and sent {expected:?}"));
            }
        }
        let line = Line {
            fault: fault.to_owned(),
            acknowledged: acknowledged - before.0,
            unanswered: unanswered - before.1,
            stored: ledger.stored.saturating_sub(self.ledger.stored),
            duplicates: ledger.duplicate.saturating_sub(self.ledger.duplicate),
            lost: misses.lost.len(),
            miscounted,
            recovered_in,
        };
        if misses == Misses::default() && ledger == expected.ledger && differences.is_empty() {
            self.ledger = ledger;
            return (line, None);
        }
        (line, Some(format!("{misses:?}\nledger {ledger:?}\nexpected {:?}\n{}", expected.ledger, differences.join("\n"))))
    }

    /// The number of the broker that leads the first partition of the submissions.
    pub(crate) async fn leader(&self) -> usize {
        let client: BaseConsumer = ClientConfig::new().set("bootstrap.servers", self.kafka.bootstrap()).create().unwrap();
        let metadata = client.fetch_metadata(Some("tlsrpt.submissions"), Duration::from_secs(30)).unwrap();
        let leader = metadata.topics()[0].partitions()[0].leader();
        (0..self.brokers).find(|&broker| Cluster::node_id(broker) == leader).expect("the partition has a leader")
    }

    /// How many submissions are acknowledged, and how many are not answered.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let sent = self.sent.lock();
        (sent.acknowledged.len(), sent.unanswered.len())
    }

    /// Ends everything in order.
    pub(crate) async fn finish(self) {
        for member in [self.edge].into_iter().chain(self.normalizers).chain(self.writers).chain([self.query]) {
            member.service.finish().await;
        }
        drop(self.disk);
        self.engine.stop().await;
    }
}

/// What a role's process is made from.
struct Parts<'a> {
    kafka: &'a Cluster,
    to_kafka: &'a [Proxy],
    engine: &'a Embedded,
    to_database: &'a Proxy,
    clock_library: &'a std::path::Path,
    dir: &'a TempDir,
    brokers: usize,
}

impl Parts<'_> {
    fn setup(&self, who: Who, number: usize) -> (Setup, Clock) {
        let clock = Clock::new(self.dir.path(), &format!("{}-{number}", who.name()));
        let role = match who {
            Who::Edge => Role::Edge,
            Who::Normalizer => Role::Normalizer,
            Who::Writer => Role::Writer,
            Who::Query => Role::Query,
        };
        // The first of the roles that work on submissions goes through the proxies, the others do not.
        let is_proxied = number == 0 && who != Who::Query;
        let proxies = self.to_kafka.iter().map(|proxy| proxy.listen().to_string()).collect::<Vec<_>>().join(",");
        let mut setup = Setup::new()
            .role(role)
            .config(&format!("[kafka]\npartitions = 6\nreplication_factor = {}\n[writer]\nbatch_linger_ms = 100\n", self.brokers))
            .flag("--kafka-brokers", &if is_proxied { proxies } else { self.kafka.bootstrap() })
            .flag("--kafka-property", "session.timeout.ms=6000")
            .flag("--kafka-property", "heartbeat.interval.ms=1000");
        if matches!(who, Who::Writer | Who::Query) {
            setup = setup
                .flag("--clickhouse-url", &format!("http://{}", self.to_database.listen()))
                .flag("--clickhouse-user", &self.engine.config.user)
                .flag("--clickhouse-password", &self.engine.config.password);
        }
        if who == Who::Query {
            setup = setup.flag("--admin-key", ADMIN_KEY);
        }
        for (name, value) in clock.variables(self.clock_library) {
            setup = setup.variable(name, value);
        }
        (LOUD.iter().fold(setup, |setup, line| setup.allow(line)), clock)
    }

    async fn member(&mut self, who: Who, number: usize) -> Member {
        let (setup, clock) = self.setup(who, number);
        Member { service: setup.start().await, clock }
    }

    /// The edge, at addresses that stay when it is started again, its data on a small disk where one can be had.
    async fn edge(&mut self, https_listen: SocketAddr, smtp_listen: SocketAddr) -> (Member, Option<Disk>) {
        let (setup, clock) = self.setup(Who::Edge, 0);
        let setup = setup.flag("--https-tls", "off").flag("--https-listen", &https_listen.to_string());
        let mut service = setup.flag("--smtp-listen", &smtp_listen.to_string()).prepare().await;
        let disk = Disk::mount(&service.data_dir(), DISK_MIB);
        service.start_again().await;
        (Member { service, clock }, disk)
    }
}
