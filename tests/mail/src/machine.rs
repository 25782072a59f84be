//! A machine of its own, as far as a mail server can tell.

use std::{
    fs::{self, File, Permissions},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::unix::fs::{PermissionsExt as _, chown, symlink},
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    address,
    authority::Authority,
    peers::Peers,
    process::{Process, Streams},
    users, wait,
};

const DIRECTORIES: [&str; 8] = ["etc", "dev", "run", "tmp", "usr", "var/lib", "var/log", "var/spool"];
const MERGED: [&str; 6] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];
const DEVICES: [&str; 5] = ["full", "null", "random", "urandom", "zero"];
/// Of the packages' own configuration, what every program may look at.
const COMMON: [&str; 3] = ["services", "protocols", "ssl/openssl.cnf"];
/// Where Debian keeps the authorities that a machine trusts.
pub(crate) const TRUSTED: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Most of a log that a failure shows.
const TAIL_LINES: usize = 40;

/// A root directory with users, and an address; what runs there ends with it.
#[derive(Debug)]
pub struct Machine {
    directory: TempDir,
    tree: PathBuf,
    address: Ipv4Addr,
    runs: AtomicU32,
}

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub output: String,
    /// Its standard error.
    pub errors: String,
}

impl Ran {
    /// Its standard output.
    ///
    /// # Panics
    /// When it failed, with what it said.
    pub fn succeeded(self) -> String {
        assert!(self.status.success(), "{}:\n{}{}", self.status, self.output, self.errors);
        self.output
    }
}

impl Machine {
    /// A new one, which has that name for itself and in the name of its directory.
    pub fn new(peers: &Peers, name: &str) -> Self {
        let directory = tempfile::Builder::new().prefix(&format!("tlsrpt-{name}-")).tempdir().unwrap();
        let machine = Self { directory, tree: peers.tree().to_owned(), address: address::free(), runs: AtomicU32::new(0) };
        // The programs' users must be able to look for files in it.
        fs::create_dir(machine.root()).unwrap();
        fs::set_permissions(machine.root(), Permissions::from_mode(0o755)).unwrap();
        for name in DIRECTORIES {
            machine.directory(name, "root");
        }
        fs::set_permissions(machine.path("tmp"), Permissions::from_mode(0o1777)).unwrap();
        fs::set_permissions(machine.path("var/log"), Permissions::from_mode(0o1777)).unwrap();
        symlink("/run", machine.path("var/run")).unwrap();
        for name in MERGED {
            symlink(format!("usr/{name}"), machine.path(name)).unwrap();
        }
        for name in DEVICES {
            machine.write(&format!("dev/{name}"), "");
        }
        for name in COMMON {
            machine.copy(name);
        }
        machine.write("etc/passwd", users::passwd());
        machine.write("etc/group", users::group());
        machine.write("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n");
        machine.write("etc/hosts", format!("127.0.0.1 localhost\n{} {name}\n", machine.address));
        // Nobody answers there, and says so at once.
        machine.name_server(machine.address);
        machine
    }

    /// Its address.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// A file or directory of its root directory, as this process sees it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    /// Asks this name server from now on.
    pub fn name_server(&self, address: Ipv4Addr) {
        self.write("etc/resolv.conf", format!("nameserver {address}\noptions timeout:2 attempts:2\n"));
    }

    /// Trusts this authority, and no other.
    pub fn trust(&self, authority: &Authority) {
        self.write(&TRUSTED[1..], authority.pem());
    }

    /// Writes a file of its root directory, which everybody there may read.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
    }

    /// Makes a directory that belongs to `user`.
    pub fn directory(&self, name: &str, user: &str) {
        let path = self.path(name);
        fs::create_dir_all(&path).unwrap();
        let number = users::number(user);
        chown(&path, Some(number), Some(number)).unwrap();
    }

    /// Takes over a file of `/etc` as the packages bring it.
    pub(crate) fn copy(&self, name: &str) {
        let from = self.tree.join("etc").join(name);
        let to = self.path("etc").join(name);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(&from, &to).unwrap_or_else(|error| panic!("copy {}: {error}", from.display()));
    }

    /// Starts a server, which says what goes wrong in its log or on its streams.
    pub(crate) fn start(&self, command: &[&str]) -> Process {
        let output = File::options().create(true).append(true).open(self.path("var/log/streams")).unwrap();
        let streams = Streams { input: Path::new("/dev/null"), errors: output.try_clone().unwrap(), output };
        Process::start(self.directory.path(), &self.tree, streams, command, &[]).unwrap()
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn run(&self, command: &[&str], input: &[u8], variables: &[(&str, &str)]) -> Ran {
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        let path = |name: &str| self.directory.path().join(format!("{number}.{name}"));
        let (output, errors) = (path("output"), path("errors"));
        fs::write(path("input"), input).unwrap();
        let streams = Streams { input: &path("input"), output: File::create(&output).unwrap(), errors: File::create(&errors).unwrap() };
        let mut process = Process::start(self.directory.path(), &self.tree, streams, command, variables).unwrap();
        let ended = wait::until(|| process.ended().ok_or_else(|| "it runs".to_owned()));
        drop(process);
        let text = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        match ended {
            Ok(status) => Ran { status, output: text(&output), errors: text(&errors) },
            Err(instead) => panic!("{} does not end, {instead}\n{}{}\n{}", command.join(" "), text(&output), text(&errors), self.logs()),
        }
    }

    /// Waits until somebody listens on `port`.
    ///
    /// # Panics
    /// When nobody does, or `server` ends, with the logs.
    pub(crate) fn await_listener(&self, server: &mut Process, port: u16) {
        let listen = SocketAddr::from((self.address, port));
        let connected = wait::until(|| match server.ended() {
            Some(status) => Ok(Err(status)),
            None => TcpStream::connect_timeout(&listen, Duration::from_secs(1)).map(Ok).map_err(|error| format!("{listen}: {error}")),
        });
        match connected {
            Ok(Ok(_)) => {}
            Ok(Err(status)) => panic!("the server ended while it started, {status}:\n{}", self.logs()),
            Err(instead) => panic!("the server does not listen, {instead}\n{}", self.logs()),
        }
    }

    /// The ends of its log files.
    pub fn logs(&self) -> String {
        let mut text = String::new();
        for entry in fs::read_dir(self.path("var/log")).unwrap() {
            let path = entry.unwrap().path();
            let Ok(log) = fs::read(&path) else { continue };
            let log = String::from_utf8_lossy(&log);
            let lines: Vec<&str> = log.lines().collect();
            text += &format!("{}:\n{}\n", path.display(), lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n"));
        }
        text
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
    }
}
