//! A program in a root directory of its own that does not outlive this process.

use std::{
    fs::File,
    io::{self, Write as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
};

/// Holds the program by a pipe: when the pipe's end in this process closes, be it by SIGKILL, all of it is killed.
const GUARD: &str = include_str!("guard.sh");
const ENTER: &str = include_str!("enter.sh");
/// Where the shells find `mount`, `unshare` and `chroot`, whatever this process's own path is.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// A running program, with all that it started; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    guard: Child,
}

/// Where a program reads from and writes to.
pub(crate) struct Streams<'p> {
    pub(crate) input: &'p Path,
    pub(crate) output: File,
    pub(crate) errors: File,
}

impl Process {
    /// Starts `command` in the root directory `root` of `directory`, with the programs of `tree`.
    pub(crate) fn start(
        directory: &Path,
        tree: &Path,
        streams: Streams<'_>,
        command: &[&str],
        variables: &[(&str, &str)],
    ) -> io::Result<Self> {
        let guard = Command::new("/bin/sh")
            .args(["-c", GUARD, "guard", ENTER])
            .args([directory, tree, streams.input])
            .args(command)
            .env_clear()
            .env("PATH", PATH)
            // There is no other.
            .env("LC_ALL", "C")
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(streams.output)
            .stderr(streams.errors)
            // Ctrl-C at the terminal is for this process, which then ends the program.
            .process_group(0)
            .spawn()?;
        Ok(Self { guard })
    }

    /// How it ended, when it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.guard.try_wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut held) = self.guard.stdin.take() {
            // The word that leaves the directory as it is; a guard that does not hear it has ended.
            let _ = held.write_all(b"end\n");
        }
        let _ = self.guard.wait();
    }
}
