//! Replies (RFC 5321 4.2) with enhanced status codes (RFC 2034, RFC 3463).

use std::{borrow::Cow, fmt::Write as _};

use crate::refusal::Refusal;

/// Most bytes of a reply's text: a line has 512 (RFC 5321 4.5.3.1.5).
const TEXT_MAX_BYTES: usize = 480;

/// A reply. Its text may have several lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    code: u16,
    /// Empty where the protocol has none: in greetings and intermediate replies.
    status: &'static str,
    text: Cow<'static, str>,
    /// The stable code that metrics carry, of a reply that refuses something.
    reason: Option<&'static str>,
}

impl Reply {
    /// Every code that replies carry, beside those of a [`Refusal`], and that of a connection without its PROXY protocol header.
    pub(crate) const REASONS: [&'static str; 14] = [
        "syntax",
        "unknown-parameter",
        "unknown-command",
        "out-of-order",
        "not-implemented",
        "too-many-recipients",
        "too-many-commands",
        "too-many-bad-commands",
        "too-slow",
        "stopping",
        "lone-line-ending",
        "line-too-long",
        "nul",
        "proxy-header",
    ];

    /// Says that something was done.
    pub(crate) fn done(code: u16, status: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, status, text: text.into(), reason: None }
    }

    /// Refuses something.
    pub(crate) fn refuse(code: u16, status: &'static str, reason: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, status, text: text.into(), reason: Some(reason) }
    }

    /// Commands come in another order (RFC 5321 4.1.4).
    pub(crate) fn out_of_order(text: &'static str) -> Self {
        Self::refuse(503, "5.5.1", "out-of-order", text)
    }

    /// There is no such command here.
    pub(crate) fn not_here(text: &'static str) -> Self {
        Self::refuse(502, "5.5.1", "not-implemented", text)
    }

    /// The end of a session that was too much of something.
    pub(crate) fn too_much(reason: &'static str, text: &'static str) -> Self {
        Self::refuse(421, "4.7.0", reason, text)
    }

    /// There is no place for the connection. Counted where that is known, so it has no reason of its own.
    pub(crate) fn crowded() -> Self {
        Self::done(421, "4.7.0", "too many connections: come back in a moment")
    }

    /// The service stops (RFC 5321 3.8).
    pub(crate) fn stopping() -> Self {
        Self::refuse(421, "4.3.2", "stopping", "the service stops: come back in a moment")
    }

    /// The client is too slow.
    pub(crate) fn too_slow() -> Self {
        Self::refuse(421, "4.4.2", "too-slow", "this took too long: come back over a faster connection")
    }

    pub(crate) fn reason(&self) -> Option<&'static str> {
        self.reason
    }

    /// Whether the same command would be refused again.
    pub(crate) fn is_permanent_refusal(&self) -> bool {
        self.code >= 500
    }

    /// The same refusal as the end of the session.
    pub(crate) fn ending(self) -> Self {
        Self { code: 421, status: "4.7.0", ..self }
    }

    /// Appends its lines.
    pub(crate) fn write(&self, out: &mut String) {
        let mut lines = self.text.split('\n').peekable();
        while let Some(line) = lines.next() {
            let separator = if lines.peek().is_some() { '-' } else { ' ' };
            // Writing to a String cannot fail.
            let _ = write!(out, "{}{separator}", self.code);
            if !self.status.is_empty() {
                let _ = write!(out, "{} ", self.status);
            }
            // Clients' texts are among it, and a reply is ASCII (RFC 5321 4.2).
            out.extend(line.chars().map(|shown| if shown == ' ' || shown.is_ascii_graphic() { shown } else { '?' }).take(TEXT_MAX_BYTES));
            out.push_str("\r\n");
        }
    }
}

impl From<&Refusal> for Reply {
    fn from(refusal: &Refusal) -> Self {
        let (code, status) = match refusal {
            Refusal::UnknownAddress { .. } => (550, "5.1.1"),
            Refusal::Empty | Refusal::UnknownForm => (554, "5.6.0"),
            Refusal::TooLarge { .. } => (552, "5.3.4"),
            Refusal::PeerRate { .. } => (450, "4.7.1"),
            Refusal::AddressRate { .. } => (450, "4.2.1"),
            Refusal::NoRoom { .. } => (452, "4.3.1"),
            Refusal::LogUnavailable { .. } | Refusal::NoAck { .. } => (451, "4.3.0"),
        };
        Self::refuse(code, status, refusal.reason(), refusal.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(reply: &Reply) -> String {
        let mut out = String::new();
        reply.write(&mut out);
        out
    }

    #[test]
    fn every_line_has_the_code_and_the_status_and_the_last_one_a_blank() {
        assert_eq!(written(&Reply::done(250, "2.0.0", "fine")), "250 2.0.0 fine\r\n");
        assert_eq!(written(&Reply::done(250, "", "mx.example\nSIZE 7\nCHUNKING")), "250-mx.example\r\n250-SIZE 7\r\n250 CHUNKING\r\n");
    }

    #[test]
    fn what_a_client_sent_cannot_add_lines_or_make_one_too_long() {
        let long = format!("\u{fc}\r\t{}", "x".repeat(1_000));
        let line = written(&Reply::refuse(550, "5.1.1", "unknown-address", long));
        assert!(line.starts_with("550 5.1.1 ???xxx") && line.ends_with("x\r\n") && line.len() <= 512, "{line}");
        assert_eq!(line.matches('\n').count(), 1);
    }
}
