//! A server on a machine.

use std::fs;

use crate::{machine::Machine, process::Process};

/// Where servers keep their process ids. After a kill another process may have the number, and the server would think that it runs.
const PROCESS_IDS: [&str; 2] = ["run/dovecot/master.pid", "run/knot/knot.pid"];

/// What runs on a machine, and is stopped and started with its files kept.
#[derive(Debug)]
pub(crate) struct Server {
    // Before the machine: a program ends before its directory goes.
    process: Option<Process>,
    machine: Machine,
    command: Vec<String>,
    ports: &'static [u16],
}

impl Server {
    /// Starts `command`, and waits until it listens on all `ports`.
    pub(crate) fn start(machine: Machine, command: &[&str], ports: &'static [u16]) -> Self {
        let command = command.iter().map(|&word| word.to_owned()).collect();
        let mut server = Self { process: None, machine, command, ports };
        server.start_again();
        server
    }

    /// Starts it after it was stopped.
    pub(crate) fn start_again(&mut self) {
        assert!(self.process.is_none(), "{} is running", self.command[0]);
        for file in PROCESS_IDS {
            // Most servers have none.
            let _ = fs::remove_file(self.machine.path(file));
        }
        let command: Vec<&str> = self.command.iter().map(String::as_str).collect();
        let mut process = self.machine.start(&command);
        for port in self.ports {
            self.machine.await_listener(&mut process, *port);
        }
        self.process = Some(process);
    }

    /// Kills it.
    pub(crate) fn stop(&mut self) {
        self.process = None;
    }

    pub(crate) fn machine(&self) -> &Machine {
        &self.machine
    }
}
