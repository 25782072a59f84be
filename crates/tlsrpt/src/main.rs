//! `tlsrpt`: the command line, the configuration and the wiring of the roles. Everything else is in the crates beside.

mod admin_key;
mod cli;
mod commands;
mod config;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command};

/// Many small allocations on many threads: mimalloc is faster at them than the C library's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit status for a command line or configuration that cannot be used.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let config = match config::load(&cli.overrides) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("tlsrpt: {error:#}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let outcome = match cli.command {
        Command::AllInOne => wiring::all_in_one(&config),
        Command::Edge => wiring::run_edge(&config),
        Command::Normalizer => wiring::run_normalizer(&config),
        Command::Writer => wiring::run_writer(&config),
        Command::Query => wiring::run_query(&config),
        Command::Config(args) => commands::config::run(&config, args),
        Command::Metrics => commands::metrics::run(),
        Command::Migrate => commands::migrate::run(&config),
        Command::Backup(args) => commands::backup::run(&config, &args),
        Command::Restore(args) => commands::restore::run(&config, &args),
        Command::Doctor(args) => commands::doctor::run(&config, &args),
        Command::Check { files, json } => commands::check::run(&files, json),
        Command::Dns(args) => commands::dns::run(&config, &args),
        Command::Demo(args) => commands::demo::run(&config, &args),
        Command::Import(args) => commands::import::run(&config, &args),
        Command::Tenants(args) => commands::tenants::run(&config, &args),
        Command::Version => commands::version::run(),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tlsrpt: {error:#}");
            ExitCode::FAILURE
        }
    }
}
