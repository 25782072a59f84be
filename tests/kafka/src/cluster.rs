//! Brokers that make up a cluster.

use std::{
    collections::BTreeMap,
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rdkafka::ClientConfig;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::{
    broker::Broker,
    certificate::Security,
    error::ClusterError,
    jars,
    options::ClusterOptions,
    ports::{self, Ports},
    properties,
};

/// A running cluster. Brokers have the numbers 0, 1, …; all end, and their files go, when it is dropped.
#[derive(Debug)]
pub struct Cluster {
    brokers: Vec<Arc<Broker>>,
    ports: Vec<Ports>,
    security: Option<Security>,
    /// Removed last.
    directory: TempDir,
}

impl Cluster {
    /// Starts a cluster, and waits until all its brokers answer. When the future is dropped before, the brokers end.
    ///
    /// # Errors
    /// [`ClusterError`] says what is missing, or shows the end of the log of a broker that ended, or did not answer within 120 s.
    pub async fn start(options: ClusterOptions) -> Result<Self, ClusterError> {
        off_the_runtime(move |given_up| Self::start_blocking(&options, given_up)).await
    }

    pub(crate) fn start_blocking(options: &ClusterOptions, given_up: &AtomicBool) -> Result<Self, ClusterError> {
        options.check()?;
        let jars = jars::directory()?;
        let parent = options.directory.clone().unwrap_or_else(env::temp_dir);
        let directory = tempfile::Builder::new()
            .prefix("tlsrpt-kafka-")
            .tempdir_in(&parent)
            .map_err(ClusterError::system(format!("make a directory in {}", parent.display())))?;
        let security = options.sasl_ssl.then(|| Security::make(directory.path())).transpose()?;
        let ports = ports::choose(options.brokers, options.ports.as_deref())?;
        let make = |(index, ports): (usize, &Ports)| {
            let mut client = ClientConfig::new();
            client.extend(security.iter().flat_map(Security::of_client));
            client.set("bootstrap.servers", address(ports.client));
            // It is asked again and again until it answers.
            client.set("reconnect.backoff.max.ms", "200");
            Arc::new(Broker::new(index, &jars, options.heap_mib(), directory.path(), client))
        };
        let brokers: Vec<_> = ports.iter().enumerate().map(make).collect();
        let cluster = Self { brokers, ports, security, directory };
        cluster.format(options)?;
        for broker in &cluster.brokers {
            broker.launch()?;
        }
        for broker in &cluster.brokers {
            broker.wait_until_ready(options.brokers, given_up)?;
        }
        Ok(cluster)
    }

    fn format(&self, options: &ClusterOptions) -> Result<(), ClusterError> {
        let id = URL_SAFE_NO_PAD.encode(rand::random::<u128>().to_be_bytes());
        thread::scope(|scope| {
            let format = |(index, broker): (usize, &Arc<Broker>)| {
                let data = Broker::data_in(self.directory.path(), index);
                let properties = properties::text(options, index, &self.ports, &data, self.security.as_ref());
                let (id, broker) = (&id, Arc::clone(broker));
                scope.spawn(move || broker.format(id, &properties))
            };
            let running: Vec<_> = self.brokers.iter().enumerate().map(format).collect();
            let died = || Err(ClusterError::Options { reason: "a thread that formats storage died".to_owned() });
            running.into_iter().try_for_each(|one| one.join().unwrap_or_else(|_| died()))
        })
    }

    /// `bootstrap.servers`: the brokers' own ports for clients, not the proxies'.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        let all: Vec<_> = self.ports.iter().map(|ports| address(ports.client)).collect();
        all.join(",")
    }

    /// librdkafka's properties that a client needs besides: none, or with [`ClusterOptions::sasl_ssl`] those of TLS and the password.
    #[must_use]
    pub fn client_properties(&self) -> BTreeMap<String, String> {
        self.security.as_ref().map(Security::of_client).unwrap_or_default()
    }

    /// Where a proxy at [`ClusterOptions::advertised_ports`] connects to; nobody listens there without them. 0 for a broker that the
    /// cluster does not have.
    #[must_use]
    pub fn backend_port(&self, broker: usize) -> u16 {
        self.ports.get(broker).map_or(0, |ports| ports.backend)
    }

    /// Where a proxy at [`ClusterOptions::peer_advertised_ports`] connects to. 0 for a broker that the cluster does not have.
    #[must_use]
    pub fn peer_backend_port(&self, broker: usize) -> u16 {
        self.ports.get(broker).map_or(0, |ports| ports.peer)
    }

    /// Kafka's number of a broker, as in a partition's leader: its number here plus one.
    #[must_use]
    pub fn node_id(broker: usize) -> i32 {
        i32::try_from(properties::node_id(broker)).unwrap_or(i32::MAX)
    }

    /// The process id of a broker's JVM; none while it does not run.
    #[must_use]
    pub fn pid(&self, broker: usize) -> Option<u32> {
        self.brokers.get(broker).and_then(|broker| broker.pid())
    }

    /// Kills a broker (SIGKILL); it is gone when this returns.
    ///
    /// # Errors
    /// [`ClusterError::State`] when it does not run.
    pub fn kill(&self, broker: usize) -> Result<(), ClusterError> {
        self.broker(broker)?.end(Signal::KILL)
    }

    /// Ends a broker in order (SIGTERM), which hands over what it leads; it is gone when this returns.
    ///
    /// # Errors
    /// [`ClusterError::State`] when it does not run, [`ClusterError::Hangs`] when it still does after 120 s.
    pub async fn stop(&self, broker: usize) -> Result<(), ClusterError> {
        let broker = Arc::clone(self.broker(broker)?);
        off_the_runtime(move |_| broker.end(Signal::TERM)).await
    }

    /// Halts a broker (SIGSTOP): its connections stay and nothing answers.
    ///
    /// # Errors
    /// [`ClusterError::State`] when it does not run.
    pub fn pause(&self, broker: usize) -> Result<(), ClusterError> {
        self.broker(broker)?.signal(Signal::STOP)
    }

    /// Lets a halted broker go on (SIGCONT).
    ///
    /// # Errors
    /// [`ClusterError::State`] when it does not run.
    pub fn resume(&self, broker: usize) -> Result<(), ClusterError> {
        self.broker(broker)?.signal(Signal::CONT)
    }

    /// Starts a broker that was killed or stopped, with its ports and its data, and waits until it is part of the cluster again.
    ///
    /// # Errors
    /// [`ClusterError::State`] when it runs; else as [`Cluster::start`].
    pub async fn restart(&self, broker: usize) -> Result<(), ClusterError> {
        let broker = Arc::clone(self.broker(broker)?);
        off_the_runtime(move |given_up| {
            broker.launch()?;
            broker.wait_until_ready(1, given_up)
        })
        .await
    }

    fn broker(&self, broker: usize) -> Result<&Arc<Broker>, ClusterError> {
        self.brokers.get(broker).ok_or(ClusterError::NoBroker { broker })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for broker in &self.brokers {
            broker.kill_at_once();
        }
    }
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// Runs what waits for processes where it holds up nobody; tells it when nobody waits for it any more.
pub(crate) async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce(&AtomicBool) -> Result<T, ClusterError> + Send + 'static,
) -> Result<T, ClusterError> {
    let waiting = Waiting::default();
    let given_up = Arc::clone(&waiting.given_up);
    let died = |error: tokio::task::JoinError| Err(ClusterError::Options { reason: error.to_string() });
    tokio::task::spawn_blocking(move || work(&given_up)).await.unwrap_or_else(died)
}

/// Held by whoever waits.
#[derive(Default)]
struct Waiting {
    given_up: Arc<AtomicBool>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.given_up.store(true, Ordering::Relaxed);
    }
}
