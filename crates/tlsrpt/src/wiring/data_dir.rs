//! The data directory, made by whoever keeps something in it: a normalizer or a writer keeps nothing and needs none.

use std::os::unix::fs::DirBuilderExt as _;

use anyhow::Context as _;

use crate::config::Config;

/// Makes it when it is missing, for this user alone.
pub(super) fn make(config: &Config) -> anyhow::Result<()> {
    anyhow::ensure!(
        !tlsrpt_backup::is_half_placed(&config.data_dir),
        "a restore into {} was not finished: empty the directory and restore again",
        config.data_dir.display()
    );
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&config.data_dir);
    made.with_context(|| format!("make the data directory {}", config.data_dir.display()))
}
