//! Exim: takes mail from everybody here, and sends it on.

use std::net::SocketAddr;

use crate::{
    machine::{Machine, TRUSTED},
    server::Server,
};

const PORT: u16 = 25;
const FILE: &str = "/etc/exim4/exim4.conf";

/// A running Exim.
#[derive(Debug)]
pub struct Exim {
    server: Server,
}

/// Parts of its configuration, besides its own few lines.
#[derive(Clone, Debug, Default)]
pub struct EximParts<'p> {
    /// Of the main section.
    pub main: &'p str,
    /// Statements of the ACL of RCPT, before the one that accepts what is left.
    pub recipients: &'p str,
    /// Routers, before the one that looks for MX records.
    pub routers: &'p str,
    /// Transports, beside `remote_smtp`.
    pub transports: &'p str,
}

impl Exim {
    /// An Exim on `machine`.
    pub fn start(machine: Machine, parts: &EximParts<'_>) -> Self {
        machine.write(&FILE[1..], configuration(&machine, parts));
        machine.directory("var/spool/exim4", "Debian-exim");
        Self { server: Server::start(machine, &["/usr/sbin/exim4", "-C", FILE, "-bdf", "-q1s"], &[PORT]) }
    }

    /// Where it takes mail by SMTP.
    pub fn smtp(&self) -> SocketAddr {
        (self.machine().address(), PORT).into()
    }

    /// The machine it runs on.
    pub fn machine(&self) -> &Machine {
        self.server.machine()
    }

    /// Its queue, in its own words.
    pub fn queue(&self) -> String {
        self.machine().run(&["/usr/sbin/exim4", "-C", FILE, "-bp"], b"", &[]).succeeded()
    }
}

/// Nothing of the tree may be run as somebody else than who starts it, so Exim delivers as the user that it is.
fn configuration(machine: &Machine, parts: &EximParts<'_>) -> String {
    let address = machine.address();
    let EximParts { main, recipients, routers, transports } = parts;
    format!(
        "primary_hostname = exim.example
local_interfaces = {address}
daemon_smtp_ports = {PORT}
log_file_path = /var/log/exim-%s
keep_environment =
deliver_drop_privilege
tls_advertise_hosts =
acl_smtp_rcpt = recipients
{main}
begin acl
recipients:
{recipients}
accept
begin routers
{routers}
by_mx:
  driver = dnslookup
  transport = remote_smtp
  self = send
begin transports
remote_smtp:
  driver = smtp
  hosts_require_tls = *
  tls_verify_certificates = {TRUSTED}
  tls_verify_hosts = *
{transports}
begin retry
* * F,1h,1s
"
    )
}
