//! The data directory: whether it can be written, by whom it can be read, its room, and whether a service has it.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use tlsrpt_log::EmbeddedLog;

use super::{Finding, Role};
use crate::{config::Config, wiring::LOG_DIR};

const SUBJECT: &str = "data directory";
const GIB: u64 = 1 << 30;
/// Below this the log takes nothing any more.
const FREE_MIN_BYTES: u64 = 64 << 20;

/// Looks at it.
pub(super) fn check(config: &Config, role: Role) -> Vec<Finding> {
    if !role.keeps() {
        return Vec::new();
    }
    let dir = &config.data_dir;
    if tlsrpt_backup::is_half_placed(dir) {
        let found = format!("a restore into {} was not finished", dir.display());
        return vec![Finding::fail(SUBJECT, found, "empty the directory and restore again")];
    }
    let mut findings = match fs::metadata(dir) {
        Ok(about) if about.is_dir() => of_directory(dir, &about),
        Ok(_) => {
            return vec![Finding::fail(SUBJECT, format!("{} is no directory", dir.display()), "name another one: data_dir (--data-dir)")];
        }
        Err(error) if error.kind() == ErrorKind::NotFound => vec![of_missing(dir)],
        Err(error) => {
            return vec![Finding::fail(SUBJECT, format!("{}: {error}", dir.display()), "name another one: data_dir (--data-dir)")];
        }
    };
    findings.extend(room(dir));
    findings
}

fn of_directory(dir: &Path, about: &fs::Metadata) -> Vec<Finding> {
    let mut findings = Vec::new();
    let user = rustix::process::geteuid().as_raw();
    let (shown, owner, mode) = (dir.display(), about.uid(), about.permissions().mode() & 0o777);
    match tempfile_in(dir) {
        Ok(()) if owner != user => {
            let found = format!("{shown} belongs to user {owner}, and this is user {user}");
            findings.push(Finding::warn(
                SUBJECT,
                found,
                "run this as the service's user; what another user makes, the service cannot open",
            ));
        }
        Ok(()) => findings.push(Finding::ok(SUBJECT, format!("{shown} can be written by user {user}"))),
        Err(error) => {
            let remedy = format!("give it to the service's user: chown -R {user} {shown}, on a file system that can be written");
            findings.push(Finding::fail(SUBJECT, format!("{shown} cannot be written by user {user}: {error}"), remedy));
        }
    }
    if mode & 0o077 != 0 {
        let found = format!("{shown} has mode {mode:03o}: others can look into it, and it holds secrets");
        findings.push(Finding::warn(SUBJECT, found, format!("chmod 700 {shown}")));
    }
    if EmbeddedLog::is_open(&dir.join(LOG_DIR)) {
        findings.push(Finding::ok(SUBJECT, "a running service has it"));
    }
    findings
}

/// Where it will be made.
fn of_missing(dir: &Path) -> Finding {
    let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let above = absolute.ancestors().skip(1).find(|above| above.exists()).unwrap_or(Path::new("/"));
    let shown = dir.display();
    match tempfile_in(above) {
        Ok(()) => Finding::ok(SUBJECT, format!("{shown} is not there yet, and can be made")),
        Err(error) => {
            let found = format!("{shown} cannot be made in {}: {error}", above.display());
            Finding::fail(SUBJECT, found, "make it for the service's user with mode 700, or name another one: data_dir (--data-dir)")
        }
    }
}

/// Makes a file and removes it: rights by themselves do not tell of read-only file systems.
fn tempfile_in(dir: &Path) -> std::io::Result<()> {
    let path = dir.join(format!(".tlsrpt-doctor-{}", std::process::id()));
    fs::OpenOptions::new().write(true).create_new(true).open(&path)?;
    fs::remove_file(&path)
}

fn room(dir: &Path) -> Option<Finding> {
    let there = dir.ancestors().find(|dir| dir.exists()).unwrap_or(Path::new("."));
    let disk = rustix::fs::statvfs(there).ok()?;
    let (free, size) = (disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize));
    let found = format!("its disk has {} MiB of {} MiB free", free >> 20, size >> 20);
    Some(if free < FREE_MIN_BYTES {
        Finding::fail(SUBJECT, found, "make room: nothing is taken in while less than 64 MiB are free")
    } else if free < GIB.min(size / 10) {
        Finding::warn(SUBJECT, found, "make room, or give it a larger disk")
    } else {
        Finding::ok(SUBJECT, found)
    })
}
