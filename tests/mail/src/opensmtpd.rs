//! OpenSMTPD: takes mail from everybody here, and sends it on.

use std::net::SocketAddr;

use crate::{machine::Machine, server::Server};

const PORT: u16 = 25;

/// A running OpenSMTPD.
#[derive(Debug)]
pub struct OpenSmtpd {
    server: Server,
}

impl OpenSmtpd {
    /// An OpenSMTPD on `machine`, with these lines of `smtpd.conf` besides the one that says where it listens.
    pub fn start(machine: Machine, lines: &str) -> Self {
        let listen = format!("listen on {} port {PORT} hostname opensmtpd.example\n", machine.address());
        machine.write("etc/smtpd.conf", listen + lines);
        machine.write("etc/mailname", "opensmtpd.example\n");
        machine.directory("var/lib/opensmtpd/empty", "root");
        Self { server: Server::start(machine, &["/usr/sbin/smtpd", "-d"], &[PORT]) }
    }

    /// Where it takes mail by SMTP.
    pub fn smtp(&self) -> SocketAddr {
        (self.machine().address(), PORT).into()
    }

    /// The machine it runs on.
    pub fn machine(&self) -> &Machine {
        self.server.machine()
    }
}
