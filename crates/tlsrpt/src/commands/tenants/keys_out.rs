//! Where the secrets of new keys go: a new file that its owner alone can read, or standard output.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use anyhow::Context as _;
use serde_json::{Value, json};

pub(super) enum KeysOut {
    Stdout,
    File(File),
}

impl KeysOut {
    /// A file that is not there yet, so that nothing is lost and nobody has it open.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::Stdout);
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        Ok(Self::File(file.with_context(|| format!("--keys-out {}: name a file that is not there yet", path.display()))?))
    }

    pub(super) fn is_stdout(&self) -> bool {
        matches!(self, Self::Stdout)
    }

    /// One line a key: `{"tenant","id","name","key"}`.
    pub(super) fn write(&mut self, tenant: &str, keys: &[Value]) -> anyhow::Result<()> {
        for key in keys {
            let line = json!({"tenant": tenant, "id": key.get("id"), "name": key.get("name"), "key": key.get("key")});
            match self {
                Self::Stdout => writeln!(io::stdout(), "{line}"),
                Self::File(file) => writeln!(file, "{line}"),
            }
            .context("write a key")?;
        }
        Ok(())
    }

    /// What was written stays, whatever happens next.
    pub(super) fn sync(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Stdout => io::stdout().flush(),
            Self::File(file) => file.sync_data(),
        }
        .context("write keys")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn keys_are_their_owners_alone_and_no_file_is_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.ndjson");
        let mut out = KeysOut::create(&path).unwrap();
        out.write("acme", &[json!({"id": "k1", "name": "ci", "key": "secret", "scopes": ["read"]})]).unwrap();
        out.sync().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let line: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(line, json!({"tenant": "acme", "id": "k1", "name": "ci", "key": "secret"}));
        assert!(KeysOut::create(&path).is_err());
    }
}
