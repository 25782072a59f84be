//! What a person sees meanwhile, on standard error.

use indicatif::{ProgressBar, ProgressStyle};

use super::tally::plain;

/// A bar over the bytes that there are to read, and lines above it. Without a terminal there are the lines alone.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let bar = ProgressBar::new(0);
        bar.set_style(ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes}, {eta} left, {msg}")?);
        Ok(Self(bar))
    }

    /// More to read.
    pub(crate) fn expect(&self, bytes: u64) {
        self.0.inc_length(bytes);
    }

    /// So much is done.
    pub(crate) fn done(&self, bytes: u64, messages: u64) {
        self.0.inc(bytes);
        self.0.set_message(format!("{messages} messages"));
    }

    /// Says something that a person ought to know.
    pub(crate) fn say(&self, line: &str) {
        // A hidden bar would swallow what it is given to print.
        self.0.suspend(|| eprintln!("tlsrpt: {}", plain(line)));
    }

    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }
}
