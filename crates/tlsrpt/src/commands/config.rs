//! `tlsrpt config`.

use std::process::ExitCode;

use clap::Args;

use crate::config::{Config, reference};

/// What to show.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct ConfigArgs {
    /// Show the JSON Schema of the TOML file instead, for editors and other programs
    #[arg(long, conflicts_with = "reference")]
    schema: bool,
    /// Show what can be set instead, as a Markdown page
    #[arg(long)]
    reference: bool,
}

/// Prints the effective configuration as TOML; what it prints can be read back with `--config`, but for the secrets. Or what can be set.
pub(crate) fn run(config: &Config, args: ConfigArgs) -> anyhow::Result<ExitCode> {
    match args {
        ConfigArgs { schema: true, .. } => println!("{}", serde_json::to_string_pretty(&reference::schema())?),
        ConfigArgs { reference: true, .. } => print!("{}", reference::markdown()),
        ConfigArgs { .. } => print!("{}", toml::to_string(config)?),
    }
    Ok(ExitCode::SUCCESS)
}
