//! What was imported of a mailbox, in a file: so that the next run goes on where this one ended.
//!
//! Without it, or when it is of another time of the mailbox's (UIDVALIDITY, RFC 3501 2.3.1.1) or of another target, everything is
//! imported again, which changes nothing.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// The format that is written.
const FORMAT: u8 = 1;
/// Largest file that is read.
const FILE_MAX_BYTES: u64 = 64 << 20;

/// UIDs as ranges: first and last, both inclusive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u32, u32)>", into = "Vec<(u32, u32)>")]
pub(crate) struct Uids(BTreeMap<u32, u32>);

impl Uids {
    pub(crate) fn contains(&self, uid: u32) -> bool {
        self.0.range(..=uid).next_back().is_some_and(|(_, &last)| uid <= last)
    }

    pub(crate) fn insert(&mut self, uid: u32) {
        if self.contains(uid) {
            return;
        }
        let before =
            self.0.range(..uid).next_back().map(|(&first, &last)| (first, last)).filter(|&(_, last)| last.checked_add(1) == Some(uid));
        let after = uid.checked_add(1).and_then(|next| self.0.remove(&next));
        self.0.insert(before.map_or(uid, |(first, _)| first), after.unwrap_or(uid));
    }
}

impl From<Vec<(u32, u32)>> for Uids {
    fn from(ranges: Vec<(u32, u32)>) -> Self {
        Self(ranges.into_iter().filter(|(first, last)| first <= last).collect())
    }
}

impl From<Uids> for Vec<(u32, u32)> {
    fn from(uids: Uids) -> Self {
        uids.0.into_iter().collect()
    }
}

/// What the file holds.
#[derive(Serialize, Deserialize)]
struct Written {
    format: u8,
    mailbox: String,
    target: String,
    uid_validity: u32,
    imported: Uids,
}

/// The state of one mailbox towards one target.
pub(crate) struct State {
    path: PathBuf,
    mailbox: String,
    target: String,
    uid_validity: Option<u32>,
    imported: Uids,
}

impl State {
    /// Reads the file, when there is one.
    ///
    /// # Errors
    /// When it is there and is not understood, or cannot be read: nobody but the operator knows whether it may go.
    pub(crate) fn open(path: PathBuf, mailbox: String, target: String) -> anyhow::Result<Self> {
        let mut state = Self { path, mailbox, target, uid_validity: None, imported: Uids::default() };
        let path = &state.path;
        let text = match std::fs::File::open(path).and_then(|file| io::read_to_string(io::Read::take(file, FILE_MAX_BYTES))) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(state),
            Err(error) => return Err(error).with_context(|| format!("read the state in {}", path.display())),
        };
        let not_ours = || {
            format!("{} is not a state of an import: remove it, and everything is imported again, which changes nothing", path.display())
        };
        let written: Written = serde_json::from_str(&text).with_context(not_ours)?;
        anyhow::ensure!(written.format == FORMAT, not_ours());
        if written.mailbox == state.mailbox && written.target == state.target {
            state.uid_validity = Some(written.uid_validity);
            state.imported = written.imported;
        }
        Ok(state)
    }

    /// Takes the mailbox's UIDVALIDITY; whether what was known of it is of another time and is forgotten.
    pub(crate) fn begin(&mut self, uid_validity: Option<u32>) -> bool {
        let changed = self.uid_validity.is_some() && self.uid_validity != uid_validity;
        if changed || uid_validity.is_none() {
            self.imported = Uids::default();
        }
        self.uid_validity = uid_validity;
        changed
    }

    pub(crate) fn is_imported(&self, uid: u32) -> bool {
        self.imported.contains(uid)
    }

    pub(crate) fn imported(&mut self, uid: u32) {
        self.imported.insert(uid);
    }

    /// Writes the whole file or nothing of it. A mailbox without UIDVALIDITY has no lasting UIDs, so nothing is written of it.
    pub(crate) fn save(&self) -> anyhow::Result<()> {
        let Some(uid_validity) = self.uid_validity else { return Ok(()) };
        let written = Written {
            format: FORMAT,
            mailbox: self.mailbox.clone(),
            target: self.target.clone(),
            uid_validity,
            imported: self.imported.clone(),
        };
        let text = serde_json::to_vec(&written)?;
        write(&self.path, &text).with_context(|| format!("write the state to {}", self.path.display()))
    }
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    // Beside it under a name of this process's: another import may write its own.
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}.new", std::process::id()));
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(text)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn uids_are_kept_as_ranges_whatever_order_they_come_in() {
        let mut uids = Uids::default();
        for uid in [5, 3, 4, 9, 1, 3, u32::MAX, u32::MAX - 1, 8] {
            uids.insert(uid);
        }
        assert_eq!(Vec::from(uids.clone()), [(1, 1), (3, 5), (8, 9), (u32::MAX - 1, u32::MAX)]);
        for (uid, expected) in [(0, false), (1, true), (2, false), (4, true), (6, false), (9, true), (10, false), (u32::MAX, true)] {
            assert_eq!(uids.contains(uid), expected, "{uid}");
        }
    }

    #[test]
    fn what_was_imported_is_known_to_the_next_run_and_forgotten_when_it_is_of_another_mailbox_time_or_target() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("import/a.json");
        let open = |mailbox: &str, target: &str| State::open(path.clone(), mailbox.to_owned(), target.to_owned());
        let mut first = open("m", "t").unwrap();
        assert!(!first.begin(Some(7)));
        first.imported(3);
        first.save().unwrap();

        let mut second = open("m", "t").unwrap();
        assert!(!second.begin(Some(7)) && second.is_imported(3) && !second.is_imported(4));
        assert!(second.begin(Some(8)) && !second.is_imported(3));
        let mut without = open("m", "t").unwrap();
        assert!(without.begin(None) && !without.is_imported(3));
        for (mailbox, target) in [("m", "u"), ("n", "t")] {
            let mut other = open(mailbox, target).unwrap();
            assert!(!other.begin(Some(7)) && !other.is_imported(3));
        }

        for damaged in ["", "{}", "{\"format\":2,\"mailbox\":\"m\",\"target\":\"t\",\"uid_validity\":7,\"imported\":[]}"] {
            std::fs::write(&path, damaged).unwrap();
            assert!(open("m", "t").err().unwrap().to_string().contains("remove it"));
        }
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing unfinished stays");
    }
}
