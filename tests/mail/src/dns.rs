//! Knot: a name server that knows what a test tells it, and that there is nothing else.

use std::{collections::BTreeSet, fmt::Write as _, net::SocketAddr};

use crate::{machine::Machine, peers::Peers, server::Server};

const PORT: u16 = 53;
const ZONE_FILE: &str = "var/lib/knot/root.zone";
const CONTROL: &str = "/run/knot/knot.sock";

/// A running name server. It serves the root zone, so a name that it was not told does not exist.
#[derive(Debug)]
pub struct Dns {
    server: Server,
    records: BTreeSet<String>,
    serial: u32,
}

impl Dns {
    /// A name server with these records, one a line as in a zone file, with names in full: `mx.example. A 127.0.0.1`. They are to
    /// be kept for no time.
    pub fn start(peers: &Peers, records: &str) -> Self {
        let machine = Machine::new(peers, "dns");
        machine.directory("run/knot", "knot");
        machine.directory("var/lib/knot", "knot");
        machine.write("etc/knot/knot.conf", configuration(&machine));
        let records = records.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
        machine.write(ZONE_FILE, zone(&machine, &records, 1));
        let server = Server::start(machine, &["/usr/sbin/knotd", "-c", "/etc/knot/knot.conf"], &[PORT]);
        Self { server, records, serial: 1 }
    }

    /// Where it answers, over UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        (self.machine().address(), PORT).into()
    }

    /// The machine it runs on.
    pub fn machine(&self) -> &Machine {
        self.server.machine()
    }

    /// Tells it a further record.
    pub fn add(&mut self, record: &str) {
        self.records.insert(record.to_owned());
        self.reload();
    }

    /// Lets it forget a record, which must be the line that it was told.
    ///
    /// # Panics
    /// When it was not told so.
    pub fn remove(&mut self, record: &str) {
        assert!(self.records.remove(record), "the name server does not know {record}");
        self.reload();
    }

    fn reload(&mut self) {
        self.serial += 1;
        self.machine().write(ZONE_FILE, zone(self.machine(), &self.records, self.serial));
        // Blocking: it answers when the zone is the new one.
        self.machine().run(&["knotc", "--blocking", "--socket", CONTROL, "zone-reload"], b"", &[]).succeeded();
    }

    /// Kills it: nobody answers.
    pub fn stop(&mut self) {
        self.server.stop();
    }

    /// Starts it after it was stopped.
    ///
    /// # Panics
    /// When it runs.
    pub fn start_again(&mut self) {
        self.server.start_again();
    }
}

fn configuration(machine: &Machine) -> String {
    let address = machine.address();
    format!(
        "server:
    listen: {address}@{PORT}
    rundir: /run/knot
    user: knot:knot
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
control:
    listen: {CONTROL}
log:
  - target: /var/log/knot
    any: info
database:
    storage: /var/lib/knot
zone:
  - domain: .
    file: /{ZONE_FILE}
    semantic-checks: off
    zonefile-sync: -1
    journal-content: none
"
    )
}

fn zone(machine: &Machine, records: &BTreeSet<String>, serial: u32) -> String {
    let mut text = format!(
        "$ORIGIN .\n$TTL 0\n@ SOA name-server. nobody.invalid. {serial} 3600 600 86400 0\n@ NS name-server.\nname-server. A {}\n",
        machine.address()
    );
    for record in records {
        // A string takes whatever is written to it.
        let _ = writeln!(text, "{record}");
    }
    text
}
