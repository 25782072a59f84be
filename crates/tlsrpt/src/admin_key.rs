//! The operator's key: given, or made once and kept.

use std::{
    io::Write as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use anyhow::Context as _;

use crate::config::{Config, Secret};

/// File in the data directory that holds a generated key.
pub(crate) const ADMIN_KEY_FILE: &str = "admin-key";
/// Random bytes in a generated key.
const KEY_BYTES: usize = 32;

/// The key from the configuration, else from the data directory, else a new one that is kept there with mode 0600. Logs the
/// place of a kept key, never the key.
pub(crate) fn load_or_create(config: &Config) -> anyhow::Result<Secret> {
    if config.admin_key.is_some() {
        return load(config);
    }
    let path = config.data_dir.join(ADMIN_KEY_FILE);
    if path.exists() {
        tracing::info!(path = %path.display(), "the admin key is in this file");
        return load(config);
    }
    let key = generate();
    write_private(&path, &key).with_context(|| format!("write the admin key to {}", path.display()))?;
    tracing::info!(path = %path.display(), "made an admin key; it is in this file");
    Ok(Secret::new(key))
}

/// The key from the configuration, else from the data directory.
pub(crate) fn load(config: &Config) -> anyhow::Result<Secret> {
    if let Some(key) = &config.admin_key {
        anyhow::ensure!(!key.reveal().trim().is_empty(), "the admin key is empty: leave it out to have one made");
        return Ok(key.clone());
    }
    let path = config.data_dir.join(ADMIN_KEY_FILE);
    let key = std::fs::read_to_string(&path).with_context(|| format!("read the admin key from {}", path.display()))?;
    let mode = std::fs::metadata(&path)?.permissions().mode();
    anyhow::ensure!(mode & 0o077 == 0, "{} can be read by others: chmod 600 it, or remove it to have a new one made", path.display());
    anyhow::ensure!(!key.trim().is_empty(), "{} is empty: remove it to have a new key made", path.display());
    Ok(Secret::new(key.trim().to_owned()))
}

fn generate() -> String {
    let bytes: [u8; KEY_BYTES] = rand::random();
    bytes.iter().fold(String::from("tlsrpt_admin_"), |mut key, byte| {
        // Writing to a String cannot fail.
        let _ = std::fmt::Write::write_fmt(&mut key, format_args!("{byte:02x}"));
        key
    })
}

/// Writes the whole file or none of it, readable by its owner only from the first byte on.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn a_generated_key_is_kept_private_and_the_same_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config { data_dir: dir.path().to_owned(), ..Config::default() };
        let first = load_or_create(&config).unwrap();
        assert_eq!(load_or_create(&config).unwrap(), first);
        let path = dir.path().join(ADMIN_KEY_FILE);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(load_or_create(&config).unwrap_err().to_string().contains("chmod 600"));
    }
}
