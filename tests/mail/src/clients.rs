//! Programs that send mail, or ask for it, run to their end.

use std::net::SocketAddr;

use crate::{
    authority::Authority,
    machine::{Machine, Ran, TRUSTED},
    peers::Peers,
};

/// A machine with the clients. Each gets arguments of its own, besides those that name the server and the mail.
#[derive(Debug)]
pub struct Clients {
    machine: Machine,
}

/// Whose mail, for whom.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'e> {
    /// Address of `MAIL FROM`.
    pub from: &'e str,
    /// Address of `RCPT TO`.
    pub to: &'e str,
}

impl Clients {
    /// Clients that trust `authority` alone.
    pub fn new(peers: &Peers, authority: &Authority) -> Self {
        let machine = Machine::new(peers, "clients");
        machine.trust(authority);
        Self { machine }
    }

    /// The machine they run on.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// curl, with these arguments and this input.
    pub fn curl(&self, arguments: &[&str], input: &[u8]) -> Ran {
        self.machine.run(&[&["curl", "--silent", "--show-error", "--cacert", TRUSTED], arguments].concat(), input, &[])
    }

    /// swaks sends `mail` to `server`.
    pub fn swaks(&self, server: SocketAddr, envelope: Envelope<'_>, mail: &[u8], arguments: &[&str]) -> Ran {
        let (host, port) = (server.ip().to_string(), server.port().to_string());
        let own = ["swaks", "--server", &host, "--port", &port, "--from", envelope.from, "--to", envelope.to, "--data", "-"];
        self.machine.run(&[&own, arguments].concat(), mail, &[])
    }

    /// msmtp sends `mail` to `server`.
    pub fn msmtp(&self, server: SocketAddr, envelope: Envelope<'_>, mail: &[u8], arguments: &[&str]) -> Ran {
        let (host, port) = (format!("--host={}", server.ip()), format!("--port={}", server.port()));
        let from = format!("--from={}", envelope.from);
        let own = ["msmtp", &host, &port, &from];
        self.machine.run(&[&own, arguments, &["--", envelope.to]].concat(), mail, &[])
    }

    /// Python runs `script`, which finds `arguments` and `input`; what it prints is the answer.
    pub fn python(&self, script: &str, arguments: &[&str], input: &[u8]) -> Ran {
        self.machine.run(&[&["python3", "-c", script], arguments].concat(), input, &[])
    }

    /// Postfix's `smtp-source` sends mails of its own making to `server`.
    pub fn smtp_source(&self, server: SocketAddr, envelope: Envelope<'_>, arguments: &[&str]) -> Ran {
        let server = server.to_string();
        let own = ["smtp-source", "-f", envelope.from, "-t", envelope.to];
        self.machine.run(&[&own, arguments, &[&server]].concat(), b"", &[])
    }
}
