//! `tlsrpt config`.

use std::process::ExitCode;

use crate::config::Config;

/// Prints the effective configuration as TOML; what it prints can be read back with `--config`, but for the secrets.
pub(crate) fn run(config: &Config) -> anyhow::Result<ExitCode> {
    print!("{}", toml::to_string(config)?);
    Ok(ExitCode::SUCCESS)
}
