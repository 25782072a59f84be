//! The HTTPS receiver (RFC 8460 5.4): `listener` accepts, `connection` serves one within its time-outs, `receive` answers one
//! request.

mod body;
mod connection;
mod listener;
mod problem;
mod receive;

pub use listener::{Https, HttpsParts};
pub(crate) use problem::Problem;
pub(crate) use receive::PATH;
