//! tlsrpt-reporter: counts a mail server's sessions, and sends reports of the day before.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::{
        fs::{MetadataExt as _, OpenOptionsExt as _},
        net::UnixDatagram,
    },
};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};

use crate::{machine::Machine, process::Process, wait};

const PACKAGES: &str = "PYTHONPATH=/usr/lib/tlsrpt-reporter";
const SOCKET: &str = "/run/tlsrpt/collectd.sock";
const DATABASE: &str = "/var/lib/tlsrpt/collectd.sqlite";
/// Whoever writes a line to it makes the collector end its day, by the signal that its authors test with.
const END_OF_DAY: &str = "/run/tlsrpt/end-of-day";
const COLLECTOR: &str = "\
python3 -m tlsrpt_reporter.tlsrpt_collectd --storage \"sqlite://$1\" --socketname \"$2\" --max_uncommited_datagrams 1 --log_level debug &
collector=$!
while kill -0 \"$collector\"; do
    read -r _ <\"$3\" && kill -USR2 \"$collector\"
done";

/// A running collector, and a reporter that is started when the day is over.
#[derive(Debug)]
pub struct Reporter {
    // Before the machine: programs end before their directory goes.
    _collector: Process,
    reporter: Option<Process>,
    machine: Machine,
    sessions: u32,
}

/// Who sends the reports, and how.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'s> {
    /// `organization-name`.
    pub organization: &'s str,
    /// `contact-info`, and the address that mails come from.
    pub address: &'s str,
    /// The command that gets a mail on its standard input. Reports by HTTPS go out by curl, as the reporter has it.
    pub sendmail: &'s str,
}

impl Reporter {
    /// A collector on `machine`.
    pub fn start(machine: Machine) -> Self {
        machine.directory("run/tlsrpt", "root");
        machine.directory("var/lib/tlsrpt", "root");
        mknodat(CWD, machine.path(&END_OF_DAY[1..]), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let collector = machine.start(&["env", PACKAGES, "sh", "-c", COLLECTOR, "collector", DATABASE, SOCKET, END_OF_DAY]);
        let reporter = Self { _collector: collector, reporter: None, machine, sessions: 0 };
        reporter.wait_for("the collector listens", || reporter.machine.path(&SOCKET[1..]).exists());
        reporter
    }

    /// A mail server's session, as the library of Postfix tells the collector of it: a JSON object with the domain `d`, its TLS-RPT
    /// record `pr` and the `policies`.
    pub fn session(&mut self, json: &str) {
        let socket = UnixDatagram::unbound().unwrap();
        socket.send_to(json.as_bytes(), self.machine.path(&SOCKET[1..])).unwrap();
        self.sessions += 1;
    }

    /// Ends the collector's day, so that today's sessions count as yesterday's, and has the reports sent.
    pub fn report(&mut self, sender: Sender<'_>) {
        let taken = format!("({} total)", self.sessions);
        self.wait_for("the collector has every session", || self.machine.logs().contains(&taken));
        let kept = self.machine.path(&format!("{}.yesterday", &DATABASE[1..]));
        let number = || fs::metadata(&kept).map(|file| file.ino()).ok();
        let before = number();
        self.wait_for("the collector ends its day", || {
            // Refused as long as nobody reads.
            let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
            let written = OpenOptions::new().write(true).custom_flags(flags).open(self.machine.path(&END_OF_DAY[1..]));
            written.and_then(|mut line| line.write_all(b"end\n")).is_ok()
        });
        self.wait_for("the day is over", || number().is_some_and(|number| Some(number) != before));
        let Sender { organization, address, sendmail } = sender;
        let fetcher = format!("python3 -m tlsrpt_reporter.tlsrpt_fetcher --storage sqlite://{DATABASE}");
        let command = [
            ["env", PACKAGES],
            ["python3", "-m"],
            ["tlsrpt_reporter.tlsrpt_reportd", "--log_level=debug"],
            ["--dbname", "/var/lib/tlsrpt/reportd.sqlite"],
            ["--fetchers", &fetcher],
            ["--organization_name", organization],
            ["--contact_info", address],
            ["--sender_address", address],
            ["--sendmail_script", sendmail],
            // At once, and again soon when it does not succeed.
            ["--spread_out_delivery", "1"],
            ["--interval_main_loop", "1"],
            ["--min_wait_delivery", "1"],
            ["--max_wait_delivery", "1"],
        ];
        self.reporter = Some(self.machine.start(command.as_flattened()));
    }

    /// The machine it runs on.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    fn wait_for(&self, what: &str, mut look: impl FnMut() -> bool) {
        let seen = wait::until(|| if look() { Ok(()) } else { Err("not yet".to_owned()) });
        seen.unwrap_or_else(|instead| panic!("{what}: {instead}\n{}", self.machine.logs()));
    }
}
