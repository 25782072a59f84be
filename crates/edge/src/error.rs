//! Why a receiver cannot start.

use std::{net::SocketAddr, path::PathBuf};

use tlsrpt_log::LogError;

use crate::tls::CertificateError;

/// Why a receiver cannot start.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// The submissions topic could not be declared.
    #[error("declare the submissions topic")]
    Topic(#[source] LogError),
    /// The spool could not be opened.
    #[error("open the spool in {}", dir.display())]
    Spool {
        /// Its directory.
        dir: PathBuf,
        /// Why.
        #[source]
        source: LogError,
    },
    /// The address cannot be listened on.
    #[error("listen on {address}: is the port taken, or the address another machine's?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The socket's file cannot be made.
    #[error("listen on {}: may this user write there, and is nothing else of that name there?", path.display())]
    ListenUnix {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The certificate cannot be used.
    #[error("set up TLS")]
    Certificate(#[source] CertificateError),
}
