//! The HTTPS receiver (RFC 8460 5.4): `listener` accepts, `connection` serves one within its time-outs, `receive` answers one
//! request.

mod body;
mod certificate;
mod connection;
mod connections;
mod listener;
mod problem;
mod receive;
mod self_signed;
mod tls;

pub use certificate::CertificateError;
pub use listener::{Https, HttpsParts};
