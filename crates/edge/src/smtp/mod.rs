//! The SMTP receiver (RFC 5321), which speaks LMTP (RFC 2033) too: `listener` accepts, `entrance` lets in, `connection`
//! moves bytes within its time-outs, `session` decides what they mean.
//!
//! `session` is pure: bytes in, replies and whole mails out, whatever pieces the bytes come in. It reads commands with
//! `line` and `command`, the text of a mail with `dots` and `content`, and asks whom to let in through `gate`.

mod address;
mod command;
mod connection;
mod content;
mod dots;
mod entrance;
mod envelope;
mod gate;
mod line;
mod listener;
mod lmtp;
mod proxy;
mod reply;
mod rules;
mod session;
mod wire;

pub(crate) use entrance::LISTENERS;
pub use listener::{Smtp, SmtpListen, SmtpParts};
pub use lmtp::{LmtpAddress, LmtpAddressError};
pub(crate) use reply::Reply;
