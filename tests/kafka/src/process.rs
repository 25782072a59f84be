//! A JVM that does not outlive this process.

use std::{
    fs::OpenOptions,
    io::{self, BufRead, BufReader},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

/// Holds the JVM by a pipe: when the pipe's end in this process closes, be it by SIGKILL, the JVM is killed.
const GUARD: &str = include_str!("guard.sh");
const PAUSE: Duration = Duration::from_millis(10);

/// A running JVM; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    guard: Child,
    jvm: Pid,
}

impl Process {
    /// Starts `java` with `arguments`, its output appended to `log`. When this process goes, `directory` goes as well.
    pub(crate) fn start(arguments: &[String], directory: &Path, log: &Path) -> io::Result<Self> {
        let errors = OpenOptions::new().create(true).append(true).open(log)?;
        let mut guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .args([directory, log])
            .arg("java")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            // Ctrl-C at the terminal is for this process, which then ends the brokers.
            .process_group(0)
            .spawn()?;
        let mut line = String::new();
        if let Some(output) = guard.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        match line.trim().parse().ok().and_then(Pid::from_raw) {
            Some(jvm) => Ok(Self { guard, jvm }),
            None => {
                drop(guard.stdin.take());
                guard.wait()?;
                Err(io::Error::other("the shell does not tell the broker's process id"))
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.jvm.as_raw_nonzero().get().unsigned_abs()
    }

    /// Whether it has not ended.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.guard.try_wait(), Ok(None))
    }

    /// Sends `signal` unless it has ended.
    pub(crate) fn signal(&mut self, signal: Signal) -> io::Result<()> {
        if !self.is_running() {
            return Ok(());
        }
        match kill_process(self.jvm, signal) {
            // It ended just now; the guard is about to.
            Err(Errno::SRCH) => Ok(()),
            sent => Ok(sent?),
        }
    }

    /// Waits for its end; false when it still runs after `patience`.
    pub(crate) fn ends_within(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.is_running() {
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(PAUSE);
        }
        true
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // A guard that cannot be waited for has ended.
        let _ = self.guard.wait();
    }
}
