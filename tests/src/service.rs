//! The real binary, started, stopped, killed and started again on one data directory.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    client::{Caller, Operator, Sender, http_client},
    log_lines::LogLines,
    wait::until,
};

/// Services with an engine of their own that run at one time: each takes some 300 MB.
static PLACES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    Arc::new(Semaphore::new(cores.clamp(1, 4)))
});

/// Longest that an orderly end may take.
const STOP_MAX: Duration = Duration::from_secs(30);

/// Variables that reach the binary; the others of this process, such as those of the tests, are none of its settings.
const PASSED_ON: [&str; 7] = ["PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "LD_LIBRARY_PATH", "TLSRPT_CACHE_DIR", "TLSRPT_LIBCHDB"];

/// The binary to test: `TLSRPT_BIN`, else the one that was built beside the tests.
///
/// # Panics
/// When it is not there.
pub fn binary() -> PathBuf {
    let path = std::env::var_os("TLSRPT_BIN").map_or_else(
        || {
            // target/<profile>/deps/<test> → target/<profile>/tlsrpt
            let test = std::env::current_exe().unwrap();
            test.ancestors().nth(2).map(|profile| profile.join("tlsrpt")).unwrap_or_default()
        },
        PathBuf::from,
    );
    assert!(path.is_file(), "{} is missing: run `cargo build --workspace` first", path.display());
    path
}

/// The binary with an environment that holds nothing of the tests'.
pub fn program() -> Command {
    let mut command = Command::new(binary());
    command.env_clear();
    for name in PASSED_ON {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// What runs in a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    #[default]
    AllInOne,
    /// The receivers.
    Edge,
    /// A normalizer.
    Normalizer,
    /// A writer.
    Writer,
    /// The API.
    Query,
}

impl Role {
    /// Its command.
    pub fn command(self) -> &'static str {
        match self {
            Self::AllInOne => "all-in-one",
            Self::Edge => "edge",
            Self::Normalizer => "normalizer",
            Self::Writer => "writer",
            Self::Query => "query",
        }
    }

    /// The lines that say that its listeners are up.
    fn listeners(self) -> &'static [&'static str] {
        match self {
            Self::AllInOne => &[EDGE_IS_UP, SMTP_IS_UP, QUERY_IS_UP],
            Self::Edge => &[EDGE_IS_UP, SMTP_IS_UP],
            Self::Query => &[QUERY_IS_UP],
            Self::Normalizer | Self::Writer => &[],
        }
    }
}

const OPERATIONS_ARE_UP: &str = "operations endpoint is up";
const QUERY_IS_UP: &str = "query API is up";
const EDGE_IS_UP: &str = "HTTPS edge is";
const SMTP_IS_UP: &str = "SMTP edge is";

/// How a service is to be started.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    role: Role,
    config: String,
    flags: Vec<String>,
    variables: Vec<(String, OsString)>,
    allowed: Vec<String>,
}

impl Setup {
    /// Defaults but for free ports.
    pub fn new() -> Self {
        Self::default()
    }

    /// One role alone.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// A configuration file with this text.
    #[must_use]
    pub fn config(mut self, toml: &str) -> Self {
        self.config = toml.to_owned();
        self
    }

    /// One more flag and its value.
    #[must_use]
    pub fn flag(mut self, name: &str, value: &str) -> Self {
        self.flags.extend([name.to_owned(), value.to_owned()]);
        self
    }

    /// One more variable of the environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Lines of level WARN or ERROR that contain `part` are part of the test.
    #[must_use]
    pub fn allow(mut self, part: &str) -> Self {
        self.allowed.push(part.to_owned());
        self
    }

    /// Starts it and waits until it is ready.
    pub async fn start(self) -> Service {
        let mut service = self.launch().await;
        service.ready().await;
        service
    }

    /// Starts it and waits until its operations endpoint is up: for a service that cannot be ready yet.
    pub async fn launch(self) -> Service {
        let mut service = self.prepare().await;
        service.launch_again().await;
        service
    }

    /// A service that is not started yet, for a test that has something to do with its data directory before.
    pub async fn prepare(self) -> Service {
        // One role takes little, and a test that has several must not wait for itself.
        let place = match self.role {
            Role::AllInOne => Some(Arc::clone(&PLACES).acquire_owned().await.unwrap()),
            _ => None,
        };
        let dir = tempfile::Builder::new().prefix("tlsrpt-e2e-").tempdir().unwrap();
        Service { setup: self, dir, http: http_client(), running: None, _place: place }
    }
}

/// A service with a data directory of its own.
pub struct Service {
    setup: Setup,
    dir: TempDir,
    http: reqwest::Client,
    running: Option<Running>,
    _place: Option<OwnedSemaphorePermit>,
}

struct Running {
    child: Child,
    log: LogLines,
    output: LogLines,
}

impl Service {
    /// Its data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Starts it again after it was stopped or killed, and waits until it is ready.
    pub async fn start_again(&mut self) {
        self.launch_again().await;
        self.ready().await;
    }

    /// Starts it again, and waits until its operations endpoint is up.
    pub async fn launch_again(&mut self) {
        assert!(self.running.is_none(), "the service is running");
        let mut command = program();
        command.args([self.setup.role.command(), "--log-format", "json"]);
        for listener in ["--https-listen", "--smtp-listen", "--query-listen", "--ops-listen"] {
            if !self.setup.flags.iter().any(|flag| flag == listener) {
                command.args([listener, "127.0.0.1:0"]);
            }
        }
        command.arg("--data-dir").arg(self.data_dir());
        if !self.setup.config.is_empty() {
            let file = self.dir.path().join("tlsrpt.toml");
            std::fs::write(&file, &self.setup.config).unwrap();
            command.arg("--config").arg(file);
        }
        command.args(&self.setup.flags);
        command.envs(self.setup.variables.iter().map(|(name, value)| (name, value)));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = LogLines::follow(child.stderr.take().unwrap());
        let output = LogLines::follow(child.stdout.take().unwrap());
        self.running = Some(Running { child, log, output });
        self.await_line(OPERATIONS_ARE_UP).await;
    }

    /// Waits until `/readyz` answers 200 and every listener is up.
    pub async fn ready(&mut self) {
        for line in self.setup.role.listeners() {
            self.await_line(line).await;
        }
        until("/readyz answers 200", async || {
            self.assert_alive();
            let (status, body) = self.readyz().await;
            if status == 200 { Ok(()) } else { Err(format!("{status}: {body}")) }
        })
        .await;
    }

    /// Status and body of `/readyz`.
    pub async fn readyz(&self) -> (u16, Value) {
        let answer = self.operations().get("/readyz").await;
        (answer.status, answer.json())
    }

    /// Waits until `/readyz` answers 503 and names `word` among what is missing.
    pub async fn misses(&self, word: &str) {
        until(&format!("/readyz answers 503 and names {word}"), async || {
            let (status, body) = self.readyz().await;
            if status == 503 && body["missing"].to_string().contains(word) { Ok(()) } else { Err(format!("{status}: {body}")) }
        })
        .await;
    }

    /// An HTTP client of this test's.
    pub fn http(&self) -> reqwest::Client {
        self.http.clone()
    }

    /// The operations endpoint.
    pub fn operations(&self) -> Caller {
        Caller::new(self.http.clone(), format!("http://{}", self.operations_address()), None)
    }

    /// Waits for a log line whose message contains `part`.
    pub async fn await_line(&mut self, part: &str) -> Value {
        until(&format!("a log line {part:?}"), async || {
            self.assert_alive();
            self.running().log.find(part).ok_or_else(|| self.running().log.tail())
        })
        .await
    }

    fn assert_alive(&mut self) {
        let running = self.running.as_mut().expect("the service is not running");
        if let Some(status) = running.child.try_wait().unwrap() {
            running.log.join();
            panic!("the service ended by itself, {status}:\n{}", running.log.tail());
        }
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("the service is not running")
    }

    /// What it wrote to its log so far.
    pub fn log(&self) -> &LogLines {
        &self.running().log
    }

    /// What it wrote to its standard output so far.
    pub fn output(&self) -> &LogLines {
        &self.running().output
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.running().child.id()
    }

    /// The address in the line that says that a listener is up: `listen`, or the authority of `url`.
    fn listen(&self, part: &str) -> String {
        let line = self.running().log.find(part).unwrap_or_else(|| panic!("no line {part:?}"));
        let url = || line["url"].as_str()?.split('/').nth(2);
        line["listen"].as_str().or_else(url).unwrap_or_else(|| panic!("no address: {line}")).to_owned()
    }

    /// Where the API listens.
    pub fn query_address(&self) -> String {
        self.listen(QUERY_IS_UP)
    }

    /// Where the HTTPS receiver listens.
    pub fn edge_address(&self) -> String {
        self.listen(EDGE_IS_UP)
    }

    /// Where the SMTP receiver listens.
    pub fn smtp_address(&self) -> String {
        self.listen(SMTP_IS_UP)
    }

    /// Where the operations endpoint listens.
    pub fn operations_address(&self) -> String {
        self.listen(OPERATIONS_ARE_UP)
    }

    /// The admin key, from the file that the first start made.
    pub fn admin_key(&self) -> String {
        std::fs::read_to_string(self.data_dir().join("admin-key")).unwrap().trim().to_owned()
    }

    /// The operator, with the admin key.
    pub fn operator(&self) -> Operator {
        Operator(self.caller(Some(&self.admin_key())))
    }

    /// A tenant, with one of its keys.
    pub fn tenant(&self, key: &str) -> Caller {
        self.caller(Some(key))
    }

    /// Somebody with this key, or none.
    pub fn caller(&self, key: Option<&str>) -> Caller {
        Caller::new(self.http.clone(), format!("http://{}", self.query_address()), key.map(str::to_owned))
    }

    /// A sender.
    pub fn sender(&self) -> Sender {
        let scheme = if self.setup.flags.windows(2).any(|pair| pair == ["--https-tls", "off"]) { "http" } else { "https" };
        Sender::new(self.http.clone(), format!("{scheme}://{}", self.edge_address()))
    }

    /// Halts it (SIGSTOP): its connections stay, and nothing answers.
    pub fn pause(&self) {
        kill_process(Pid::from_child(&self.running().child), Signal::STOP).unwrap();
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) {
        kill_process(Pid::from_child(&self.running().child), Signal::CONT).unwrap();
    }

    /// Asks it to end as an init system does; it must end with status 0.
    ///
    /// # Panics
    /// When it does not end in time, with another status, or said something loud that the test did not allow.
    pub async fn stop(&mut self) {
        let running = self.running.as_mut().expect("the service is not running");
        kill_process(Pid::from_child(&running.child), Signal::TERM).unwrap();
        let deadline = Instant::now() + STOP_MAX;
        let status = loop {
            if let Some(status) = running.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "no end {} s after SIGTERM:\n{}", STOP_MAX.as_secs(), running.log.tail());
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        self.ended(Some(status));
    }

    /// Kills it, as a lost machine does.
    ///
    /// # Panics
    /// When it said something loud that the test did not allow.
    pub fn kill(&mut self) {
        let running = self.running.as_mut().expect("the service is not running");
        running.child.kill().unwrap();
        running.child.wait().unwrap();
        self.ended(None);
    }

    fn ended(&mut self, status: Option<ExitStatus>) {
        let mut running = self.running.take().unwrap();
        running.log.join();
        running.output.join();
        if let Some(status) = status {
            assert!(status.success(), "{status}:\n{}", running.log.tail());
        }
        let loud = running.log.unexpected(&self.setup.allowed);
        assert!(loud.is_empty(), "log lines that the test did not allow:\n{}", loud.join("\n"));
    }

    /// Stops it, for good.
    pub async fn finish(mut self) {
        self.stop().await;
    }

    /// A file or directory in the data directory.
    pub fn data(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.data_dir().join(Path::new(name.as_ref()))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        // A test that failed: no process stays behind, and the log says why.
        let _ = running.child.kill();
        let _ = running.child.wait();
        running.log.join();
        eprintln!("log of the service, its end:\n{}", running.log.tail());
        assert!(std::thread::panicking(), "a test ends its service with `finish`, so that its end and its log are looked at");
    }
}
