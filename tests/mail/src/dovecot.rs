//! Dovecot: mailboxes over IMAP, with TLS; mail comes in by LMTP, or is put there.

use std::{
    fs::{self, File},
    net::SocketAddr,
    os::unix::fs::chown,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use crate::{authority::Authority, machine::Machine, peers::Peers, server::Server, users};

/// The name in its certificate, beside its address.
const NAME: &str = "imap.example";
const USER: &str = "reports";
const PASSWORD: &str = "correct horse";
const LMTP_PORT: u16 = 24;
const IMAP_PORT: u16 = 143;
const IMAPS_PORT: u16 = 993;

/// A running Dovecot with one user.
#[derive(Debug)]
pub struct Dovecot {
    server: Server,
    authority: Authority,
    put: AtomicU64,
}

/// A mail in a mailbox.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stored {
    /// As it came.
    pub raw: Vec<u8>,
    /// Maildir's letters of the IMAP flags it has, sorted: `S` seen, `T` deleted, `F` flagged, `R` answered, `D` draft.
    pub flags: String,
}

impl Dovecot {
    /// A Dovecot with an empty inbox.
    pub fn start(peers: &Peers) -> Self {
        let machine = Machine::new(peers, "dovecot");
        let authority = Authority::new();
        let certificate = authority.issue(&[NAME, &machine.address().to_string()]);
        machine.write("etc/ssl/certificate.pem", certificate.chain);
        machine.write("etc/ssl/key.pem", certificate.key);
        machine.write("etc/dovecot/users", format!("{USER}:{{PLAIN}}{PASSWORD}\n"));
        machine.write("etc/dovecot/dovecot.conf", configuration(&machine));
        machine.directory("var/vmail", users::MAILBOXES);
        let server = Server::start(machine, &["/usr/sbin/dovecot", "-F"], &[IMAPS_PORT, IMAP_PORT, LMTP_PORT]);
        Self { server, authority, put: AtomicU64::new(0) }
    }

    /// Starts it after it was stopped.
    ///
    /// # Panics
    /// When it runs.
    pub fn start_again(&mut self) {
        self.server.start_again();
    }

    /// Kills it: its connections are cut, its mailboxes stay.
    pub fn stop(&mut self) {
        self.server.stop();
    }

    /// The machine it runs on.
    pub fn machine(&self) -> &Machine {
        self.server.machine()
    }

    /// Where it speaks IMAP over TLS from the first byte.
    pub fn imaps(&self) -> SocketAddr {
        (self.machine().address(), IMAPS_PORT).into()
    }

    /// Where it speaks IMAP and offers STARTTLS; it takes no password without.
    pub fn imap(&self) -> SocketAddr {
        (self.machine().address(), IMAP_PORT).into()
    }

    /// Where it takes mail for `reports` by LMTP.
    pub fn lmtp(&self) -> SocketAddr {
        (self.machine().address(), LMTP_PORT).into()
    }

    /// The user's name.
    pub fn user(&self) -> &'static str {
        USER
    }

    /// The user's password.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// A name of its certificate; the other is its address.
    pub fn name(&self) -> &'static str {
        NAME
    }

    /// Who signed its certificate.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Puts a mail into a mailbox, as if it had come in at `received`; the mailbox is made when it is new. `INBOX` is the inbox, below
    /// others a `.` stands.
    pub fn put(&self, mailbox: &str, raw: &[u8], received: SystemTime) {
        let directory = self.maildir(mailbox);
        let number = users::number(users::MAILBOXES);
        for name in ["", "cur", "new", "tmp"] {
            let path = directory.join(name);
            fs::create_dir_all(&path).unwrap();
            chown(&path, Some(number), Some(number)).unwrap();
        }
        let name = format!(
            "{}.test.{}",
            received.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs(),
            self.put.fetch_add(1, Ordering::Relaxed)
        );
        let path = directory.join("tmp").join(&name);
        fs::write(&path, raw).unwrap();
        chown(&path, Some(number), Some(number)).unwrap();
        // Dovecot's internal date is the file's time.
        File::options().write(true).open(&path).unwrap().set_modified(received).unwrap();
        fs::rename(&path, directory.join("new").join(name)).unwrap();
    }

    /// What is in a mailbox, sorted; nothing when there is none.
    pub fn mails(&self, mailbox: &str) -> Vec<Stored> {
        let mut all = Vec::new();
        for name in ["cur", "new"] {
            let Ok(entries) = fs::read_dir(self.maildir(mailbox).join(name)) else { continue };
            for entry in entries {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                let flags = name.split_once(":2,").map_or("", |(_, flags)| flags).to_owned();
                all.push(Stored { raw: fs::read(&path).unwrap(), flags });
            }
        }
        all.sort();
        all
    }

    fn maildir(&self, mailbox: &str) -> PathBuf {
        let home = self.machine().path("var/vmail").join(USER);
        if mailbox == "INBOX" { home } else { home.join(format!(".{mailbox}")) }
    }
}

fn configuration(machine: &Machine) -> String {
    let address = machine.address();
    format!(
        "protocols = imap lmtp
listen = {address}
log_path = /var/log/dovecot
ssl = required
ssl_cert = </etc/ssl/certificate.pem
ssl_key = </etc/ssl/key.pem
mail_location = maildir:/var/vmail/%n
mailbox_list_index = no
# Many connections from one address are many tests.
mail_max_userip_connections = 100
first_valid_uid = 1
passdb {{
  driver = passwd-file
  args = username_format=%n /etc/dovecot/users
}}
userdb {{
  driver = static
  args = uid={user} gid={user} home=/var/vmail/%n
}}
namespace inbox {{
  inbox = yes
  separator = .
}}
service imap-login {{
  inet_listener imap {{
    port = {IMAP_PORT}
  }}
  inet_listener imaps {{
    port = {IMAPS_PORT}
    ssl = yes
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {LMTP_PORT}
  }}
}}
",
        user = users::MAILBOXES
    )
}
