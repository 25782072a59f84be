//! The addresses to listen on: free, held by the service itself, or by whom.

use std::{
    fs,
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
};

use super::{Finding, Role};
use crate::config::Config;

/// The name of our processes, as the system shows it.
const OWN: &str = "tlsrpt";

/// Tries each.
pub(super) fn check(config: &Config, role: Role) -> Vec<Finding> {
    let listen = &config.listen;
    let mut wanted = vec![("ops", listen.ops)];
    if role.receives() {
        wanted.extend([("https", listen.https), ("smtp", listen.smtp)]);
        wanted.extend(listen.smtps.map(|addr| ("smtps", addr)));
    }
    if role.answers() {
        wanted.push(("query", listen.query));
    }
    wanted.into_iter().map(|(name, addr)| port(name, addr)).collect()
}

fn port(name: &str, addr: SocketAddr) -> Finding {
    let subject = format!("port {name}");
    if addr.port() == 0 {
        return Finding::ok(subject, format!("{addr} takes any free port"));
    }
    let other = format!("stop it, or name another address: listen.{name} (--{name}-listen)");
    match TcpListener::bind(addr) {
        Ok(_) => Finding::ok(subject, format!("{addr} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => match holder(addr.port()) {
            Some((pid, program)) if program == OWN => Finding::ok(subject, format!("{addr} is held by {program}, process {pid}")),
            Some((pid, program)) => Finding::fail(subject, format!("{addr} is held by {program}, process {pid}"), other),
            None => {
                let found = format!("{addr} is held by a process that this user cannot see");
                Finding::fail(subject, found, format!("run this as root to see which; {other}"))
            }
        },
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let remedy =
                "allow it: AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit; or listen above port 1023 behind a forwarded port";
            Finding::fail(subject, format!("this user may not listen on {addr}"), remedy)
        }
        Err(error) => Finding::fail(subject, format!("{addr}: {error}"), format!("name an address of this machine: listen.{name}")),
    }
}

/// Who listens on a TCP port: its process and name.
fn holder(port: u16) -> Option<(u32, String)> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"].iter().flat_map(|table| listening(table, port)).collect();
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(files) = fs::read_dir(entry.path().join("fd")) else { continue };
        let holds = files.flatten().filter_map(|file| fs::read_link(file.path()).ok()).any(|target| {
            let target = target.to_string_lossy().into_owned();
            inodes.iter().any(|inode| target == format!("socket:[{inode}]"))
        });
        if holds {
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            return Some((pid, name.trim().to_owned()));
        }
    }
    None
}

/// Inodes of the sockets that listen on `port`, by the kernel's table.
fn listening(table: &str, port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    let text = fs::read_to_string(table).unwrap_or_default();
    let of_line = |line: &str| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let (_, hex) = columns.get(1)?.rsplit_once(':')?;
        let is_it = u16::from_str_radix(hex, 16).ok()? == port && *columns.get(3)? == LISTEN;
        is_it.then(|| columns.get(9).map(|inode| (*inode).to_owned()))?
    };
    text.lines().skip(1).filter_map(of_line).collect()
}
