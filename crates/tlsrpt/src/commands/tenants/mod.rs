//! `tlsrpt tenants`: the tenants of a running service, by its operator's API.

mod import;
mod keys_out;
mod lines;
mod tally;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::config::Config;

/// What to do with tenants.
#[derive(Args, Debug)]
pub(crate) struct TenantsArgs {
    #[command(subcommand)]
    command: TenantsCommand,
}

#[derive(Subcommand, Debug)]
enum TenantsCommand {
    /// Bring in tenants, domains and keys from a file, one JSON object a line; what is there already stays as it is
    Import(import::ImportArgs),
}

/// Does it.
pub(crate) fn run(config: &Config, args: &TenantsArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        TenantsCommand::Import(args) => import::run(config, args),
    }
}
