//! Postfix's `smtp-sink`: takes all mail and keeps it, and knows nothing of it.

use std::{fs, net::SocketAddr};

use crate::{machine::Machine, peers::Peers, server::Server, wait};

const PORT: u16 = 25;

/// A running `smtp-sink`.
#[derive(Debug)]
pub struct Sink {
    server: Server,
}

impl Sink {
    /// One that keeps each mail in a file.
    pub fn start(peers: &Peers) -> Self {
        Self::with(peers, &["-d", "/var/spool/sink/"])
    }

    /// One that forgets each mail, for measurements.
    pub fn forgetful(peers: &Peers) -> Self {
        Self::with(peers, &[])
    }

    fn with(peers: &Peers, options: &[&str]) -> Self {
        let machine = Machine::new(peers, "sink");
        machine.directory("var/spool/sink", "nobody");
        let listen = format!("{}:{PORT}", machine.address());
        let command = [&["/usr/sbin/smtp-sink", "-u", "nobody", "-h", "sink.example"], options, &[&listen, "1000"]].concat();
        Self { server: Server::start(machine, &command, &[PORT]) }
    }

    /// Where it takes mail by SMTP.
    pub fn smtp(&self) -> SocketAddr {
        (self.server.machine().address(), PORT).into()
    }

    /// Kills it: nobody takes mail there.
    pub fn stop(&mut self) {
        self.server.stop();
    }

    /// Starts it after it was stopped, with the mails that it has.
    ///
    /// # Panics
    /// When it runs.
    pub fn start_again(&mut self) {
        self.server.start_again();
    }

    /// Waits until it has taken so many mails that contain `part`, which is to be their end: it writes them as they come.
    ///
    /// # Panics
    /// When they do not come, with `logs` of who is to send them.
    pub fn await_mails(&self, count: usize, part: &str, logs: impl Fn() -> String) -> Vec<String> {
        let seen = wait::until(|| {
            let mails = self.mails();
            let whole = mails.iter().filter(|mail| mail.contains(part)).count();
            if whole >= count { Ok(mails) } else { Err(format!("{whole} of {count} mails")) }
        });
        seen.unwrap_or_else(|instead| panic!("{instead}\n{}", logs()))
    }

    /// The mails it took, each with the session's facts in headers before it.
    pub fn mails(&self) -> Vec<String> {
        let entries = fs::read_dir(self.server.machine().path("var/spool/sink")).unwrap();
        entries.map(|entry| String::from_utf8_lossy(&fs::read(entry.unwrap().path()).unwrap()).into_owned()).collect()
    }
}
