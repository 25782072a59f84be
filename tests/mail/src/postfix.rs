//! Postfix: takes mail from everybody here, and sends it on.

use std::net::SocketAddr;

use crate::{machine::Machine, server::Server};

const PORT: u16 = 25;

/// A running Postfix.
#[derive(Debug)]
pub struct Postfix {
    server: Server,
}

impl Postfix {
    /// A Postfix on `machine`, with these lines of `main.cf` besides its own few.
    pub fn start(machine: Machine, main: &str) -> Self {
        for name in ["postfix-files", "postfix-script", "post-install"] {
            machine.copy(&format!("postfix/{name}"));
        }
        machine.write("etc/postfix/dynamicmaps.cf", "");
        machine.write("etc/postfix/main.cf", OWN.to_owned() + main);
        machine.write("etc/postfix/master.cf", format!("{}:{PORT} inet n - n - - smtpd\n{SERVICES}", machine.address()));
        machine.directory("var/lib/postfix", "postfix");
        machine.directory("var/spool/postfix", "root");
        Self { server: Server::start(machine, &["/usr/sbin/postfix", "start-fg"], &[PORT]) }
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
        self.machine().run(&["postqueue", "-p"], b"", &[]).succeeded()
    }

    /// Tries everything in its queue again, now.
    pub fn flush(&self) {
        self.machine().run(&["postqueue", "-f"], b"", &[]).succeeded();
    }
}

/// Postfix looks for the addresses of `inet_interfaces` among those that are set up, which one of 127/8 need not be: where it
/// listens is said in `master.cf`.
const OWN: &str = "compatibility_level = 3.6
myhostname = postfix.example
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
alias_maps =
maillog_file = /var/log/postfix
maillog_file_prefixes = /var/log
";

const SERVICES: &str = "pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";
