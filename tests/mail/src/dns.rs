//! Knot: a name server that knows what a test tells it, and that there is nothing else.

use std::{collections::BTreeSet, fmt::Write as _, net::SocketAddr};

use crate::{machine::Machine, peers::Peers, server::Server, wait};

const PORT: u16 = 53;
const ZONE_FILE: &str = "var/lib/knot/root.zone";
const CONFIGURATION: &str = "/etc/knot/knot.conf";
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
        Self::with(peers, records, &Zones::default())
    }

    /// The same, with more than the root zone as it is.
    pub fn with(peers: &Peers, records: &str, zones: &Zones<'_>) -> Self {
        let machine = Machine::new(peers, "dns");
        machine.directory("run/knot", "knot");
        machine.directory("var/lib/knot", "knot");
        machine.write(&CONFIGURATION[1..], configuration(&machine, zones));
        let mut records: BTreeSet<String> = lines(records).collect();
        for (name, below) in zones.unsigned {
            // The root says that somebody else knows, and nothing of keys.
            records.insert(format!("{name} NS name-server."));
            let below = lines(&format!("{name} NS name-server.\n{below}")).collect();
            machine.write(&file(name), zone(&machine, name, &below, 1));
        }
        machine.write(ZONE_FILE, zone(&machine, ".", &records, 1));
        let server = Server::start(machine, &["/usr/sbin/knotd", "-c", CONFIGURATION], &[PORT]);
        if zones.is_signed {
            let control = server.machine().path(&CONTROL[1..]);
            let seen = wait::until(|| if control.exists() { Ok(()) } else { Err("no control socket".to_owned()) });
            seen.unwrap_or_else(|instead| panic!("knot starts: {instead}\n{}", server.machine().logs()));
            // Blocking: it answers when the zone is signed.
            server.machine().run(&["knotc", "--blocking", "--socket", CONTROL, "zone-sign", "."], b"", &[]).succeeded();
        }
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
        self.machine().write(ZONE_FILE, zone(self.machine(), ".", &self.records, self.serial));
        // Blocking: it answers when the zone is the new one.
        self.machine().run(&["knotc", "--blocking", "--socket", CONTROL, "zone-reload"], b"", &[]).succeeded();
    }

    /// The keys of the signed root zone, DNSKEY records as in a zone file.
    pub fn root_keys(&self) -> String {
        let read = self.machine().run(&["knotc", "--socket", CONTROL, "zone-read", ".", "@", "DNSKEY"], b"", &[]).succeeded();
        let keys = read.lines().filter_map(|line| line.split_once(" DNSKEY "));
        keys.map(|(_, key)| format!(". 0 IN DNSKEY {key}\n")).collect()
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

/// What a name server is beside the root zone as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Zones<'z> {
    /// Whether the root zone is signed (DNSSEC).
    pub is_signed: bool,
    /// Zones of their own that are not signed: name, with the final dot, and records.
    pub unsigned: &'z [(&'z str, &'z str)],
    /// Names, with the final dot, at and below which it answers that it failed (`SERVFAIL`).
    pub failing: &'z [&'z str],
}

fn lines(records: &str) -> impl Iterator<Item = String> {
    records.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned)
}

/// The file of a zone beside the root; there is none of one that fails.
fn file(name: &str) -> String {
    format!("var/lib/knot/{name}zone")
}

fn configuration(machine: &Machine, zones: &Zones<'_>) -> String {
    let address = machine.address();
    let signing = if zones.is_signed { "on" } else { "off" };
    let names = zones.unsigned.iter().map(|(name, _)| *name).chain(zones.failing.iter().copied());
    let more = names.fold(String::new(), |text, name| {
        text + &format!(
            "  - domain: {name}\n    file: /{}\n    semantic-checks: off\n    zonefile-sync: -1\n    journal-content: none\n",
            file(name)
        )
    });
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
policy:
  - id: one-key
    single-type-signing: on
zone:
  - domain: .
    file: /{ZONE_FILE}
    semantic-checks: off
    zonefile-sync: -1
    journal-content: none
    dnssec-signing: {signing}
    dnssec-policy: one-key
{more}"
    )
}

fn zone(machine: &Machine, name: &str, records: &BTreeSet<String>, serial: u32) -> String {
    let mut text = format!("$ORIGIN {name}\n$TTL 0\n@ SOA name-server. nobody.invalid. {serial} 3600 600 86400 0\n",);
    if name == "." {
        // A string takes whatever is written to it, here and below.
        let _ = writeln!(text, "@ NS name-server.\nname-server. A {}", machine.address());
    }
    for record in records {
        let _ = writeln!(text, "{record}");
    }
    text
}
