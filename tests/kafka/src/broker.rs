//! One broker: its files, and its process while it runs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer as _},
};
use rustix::process::Signal;

use crate::{error::ClusterError, process::Process, properties::node_id};

/// How long a broker may take to answer or to end, on a machine that is busy with everything else.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(50);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
const LOG_LINES_SHOWN: usize = 40;

/// An event on a line of its own, which log4j's defaults do not give.
const LOGGING: &str = include_str!("log4j2.properties");

/// A broker's place in its cluster's directory.
#[derive(Debug)]
pub(crate) struct Broker {
    index: usize,
    jars: PathBuf,
    heap_mib: u32,
    /// The cluster's directory.
    cluster: PathBuf,
    /// How to reach this broker alone.
    client: ClientConfig,
    process: Mutex<Option<Process>>,
}

impl Broker {
    pub(crate) fn new(index: usize, jars: &Path, heap_mib: u32, cluster: &Path, client: ClientConfig) -> Self {
        Self { index, jars: jars.to_owned(), heap_mib, cluster: cluster.to_owned(), client, process: Mutex::new(None) }
    }

    /// Its data, in the cluster's directory.
    pub(crate) fn data_in(cluster: &Path, index: usize) -> PathBuf {
        cluster.join(format!("data-{index}"))
    }

    fn properties(&self) -> PathBuf {
        self.cluster.join(format!("server-{}.properties", self.index))
    }

    fn log(&self) -> PathBuf {
        self.cluster.join(format!("broker-{}.log", self.index))
    }

    fn logging(&self) -> PathBuf {
        self.cluster.join(format!("log4j2-{}.properties", self.index))
    }

    /// Writes its properties and formats its storage.
    pub(crate) fn format(&self, cluster_id: &str, properties: &str) -> Result<(), ClusterError> {
        let path = self.properties();
        for (path, text) in [(&path, properties), (&self.logging(), LOGGING)] {
            fs::write(path, text).map_err(ClusterError::system(format!("write {}", path.display())))?;
        }
        let tool = ["kafka.tools.StorageTool".to_owned(), "format".to_owned(), format!("--cluster-id={cluster_id}")];
        let output = Command::new("java")
            .args(self.jvm(128))
            // It ends before better code would pay.
            .arg("-XX:TieredStopAtLevel=1")
            .args(tool)
            .args(["--config".to_owned(), path.display().to_string()])
            .output()
            .map_err(ClusterError::system("run java"))?;
        if output.status.success() {
            return Ok(());
        }
        let words = [output.stdout, output.stderr].concat();
        Err(ClusterError::Format { broker: self.index, output: String::from_utf8_lossy(&words).into_owned() })
    }

    fn jvm(&self, heap_mib: u32) -> Vec<String> {
        vec![
            format!("-Xmx{heap_mib}m"),
            // The smallest one, for a few hundred megabytes and few cores.
            "-XX:+UseSerialGC".to_owned(),
            // A request of 100 MiB goes where the long-lived is: most of the heap must be that.
            "-Xmn64m".to_owned(),
            "-XX:+ExitOnOutOfMemoryError".to_owned(),
            // Each thread that reads or writes a large batch keeps a copy outside the heap: by default no more than the heap is large
            // may be there, and an append that finds no room fails with UNKNOWN_SERVER_ERROR.
            "-XX:MaxDirectMemorySize=1g".to_owned(),
            // No files outside the cluster's directory.
            "-XX:-UsePerfData".to_owned(),
            format!("-Djava.io.tmpdir={}", self.cluster.display()),
            format!("-Dlog4j2.configurationFile={}", self.logging().display()),
            "-cp".to_owned(),
            format!("{}/*", self.jars.display()),
        ]
    }

    /// Starts it; it does not answer yet.
    pub(crate) fn launch(&self) -> Result<(), ClusterError> {
        let mut process = self.process.lock();
        if process.as_mut().is_some_and(Process::is_running) {
            return Err(ClusterError::State { broker: self.index, state: "runs already" });
        }
        let mut arguments = self.jvm(self.heap_mib);
        arguments.extend(["kafka.Kafka".to_owned(), self.properties().display().to_string()]);
        let started = Process::start(&arguments, &self.cluster, &self.log()).map_err(ClusterError::system("run java"))?;
        *process = Some(started);
        Ok(())
    }

    /// Waits until it answers that it is one of at least `count` brokers that are there, or until that is given up.
    pub(crate) fn wait_until_ready(&self, count: usize, given_up: &AtomicBool) -> Result<(), ClusterError> {
        let client: BaseConsumer = self.client.create().map_err(|error| ClusterError::Options { reason: error.to_string() })?;
        let own = i32::try_from(node_id(self.index)).unwrap_or(i32::MAX);
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(found) = client.fetch_metadata(None, REQUEST_TIMEOUT) {
                let brokers = found.brokers();
                if brokers.len() >= count && brokers.iter().any(|broker| broker.id() == own) {
                    return Ok(());
                }
            }
            if !self.process.lock().as_mut().is_some_and(Process::is_running) {
                return Err(ClusterError::Ended { broker: self.index, log: self.log_tail() });
            }
            if given_up.load(Ordering::Relaxed) {
                return Err(ClusterError::GivenUp);
            }
            if Instant::now() >= deadline {
                return Err(self.hangs("answer"));
            }
            thread::sleep(PAUSE);
        }
    }

    /// Sends a signal to its JVM, which must run.
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), ClusterError> {
        self.with_process(|process| process.signal(signal).map_err(ClusterError::system(format!("signal Kafka broker {}", self.index))))
    }

    /// Sends `signal`, which ends it, and waits until it has ended.
    pub(crate) fn end(&self, signal: Signal) -> Result<(), ClusterError> {
        self.signal(signal)?;
        // One that is paused would not hear of it.
        self.signal(Signal::CONT)?;
        let mut process = self.process.lock();
        if process.as_mut().is_some_and(|process| !process.ends_within(PATIENCE)) {
            return Err(self.hangs("end"));
        }
        *process = None;
        Ok(())
    }

    /// Kills it without waiting, when it runs.
    pub(crate) fn kill_at_once(&self) {
        if let Some(process) = self.process.lock().as_mut() {
            // Dropping the process does the same, slower.
            let _ = process.signal(Signal::KILL);
        }
    }

    /// The process id of its JVM while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.lock().as_mut().and_then(|process| process.is_running().then(|| process.pid()))
    }

    fn with_process<T>(&self, act: impl FnOnce(&mut Process) -> Result<T, ClusterError>) -> Result<T, ClusterError> {
        match self.process.lock().as_mut() {
            Some(process) => act(process),
            None => Err(ClusterError::State { broker: self.index, state: "does not run" }),
        }
    }

    fn hangs(&self, what: &'static str) -> ClusterError {
        ClusterError::Hangs { broker: self.index, what, seconds: PATIENCE.as_secs(), log: self.log_tail() }
    }

    fn log_tail(&self) -> String {
        let log = fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        let lines: Vec<_> = text.lines().collect();
        lines.get(lines.len().saturating_sub(LOG_LINES_SHOWN)..).unwrap_or_default().join("\n")
    }
}
