//! Whether there is something to run, and where.

use std::{
    io::Write as _,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use tlsrpt_fetched::{cache_directory, set, version};

use crate::address;

/// What `scripts/fetch-mail-peers` fetches.
const PACKAGES: &str = include_str!("../../../scripts/mail/packages");

/// The mail software, fetched, and the permission to run it.
#[derive(Clone, Debug)]
pub struct Peers {
    tree: PathBuf,
}

impl Peers {
    /// The mail software; none, and a line that says so, when this process is not root's: mail servers need users of their own.
    ///
    /// # Panics
    /// When it is not fetched.
    pub fn here() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            // Past the capture of what tests print: a skipped test must be seen. A closed standard error has nobody who could see it.
            let _ = writeln!(std::io::stderr(), "SKIPPED: real mail servers run as root only, in a root directory of their own");
            return None;
        }
        let tree = set("TLSRPT_MAIL_PEERS").unwrap_or_else(|| cache_directory().join("mail").join(version(PACKAGES)));
        assert!(
            tree.join("usr").is_dir(),
            "no mail software in {}: run `make mail-peers`, or set TLSRPT_MAIL_PEERS to a tree that has it",
            tree.display()
        );
        Some(Self { tree })
    }

    /// An address of loopback that nobody else has, for a server of a test's own: one that the name server can tell, with the usual
    /// ports.
    pub fn address(&self) -> Ipv4Addr {
        address::free()
    }

    pub(crate) fn tree(&self) -> &Path {
        &self.tree
    }
}
