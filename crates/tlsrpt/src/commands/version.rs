//! `tlsrpt version`.

use std::process::ExitCode;

/// Prints the versions of the program and of what it writes.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    println!("tlsrpt {}", env!("CARGO_PKG_VERSION"));
    println!("normalized record format {}", tlsrpt_record::NORMALIZED_FORMAT);
    println!("target {}-{}", std::env::consts::ARCH, std::env::consts::OS);
    Ok(ExitCode::SUCCESS)
}
