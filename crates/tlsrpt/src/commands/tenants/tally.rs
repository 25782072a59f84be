//! What came of all lines, for people and for programs.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::Serialize;

use crate::commands::import::tally::plain;

/// Lines that are told by number.
const NAMED_MAX: usize = 100;

/// Outcomes, counted.
#[derive(Debug, Default, Serialize)]
pub(super) struct Tally {
    /// Lines of which something is new.
    pub(super) created: u64,
    /// Lines of which everything was there.
    pub(super) unchanged: u64,
    /// Lines that were refused, by reason.
    pub(super) refused: BTreeMap<String, u64>,
    /// Domains that are new.
    pub(super) new_domains: u64,
    /// Keys that are new.
    pub(super) new_keys: u64,
    /// The refused by their number in the file.
    pub(super) named: Vec<Named>,
    /// How many more there are than are named.
    pub(super) not_named: u64,
    /// Why it ended before every line had its outcome.
    pub(super) stopped: Option<String>,
}

/// A line that was refused.
#[derive(Debug, Serialize)]
pub(super) struct Named {
    line: u64,
    reason: String,
    detail: String,
}

impl Tally {
    pub(super) fn create(&mut self, new_domains: u64, new_keys: u64) {
        self.created += 1;
        self.new_domains += new_domains;
        self.new_keys += new_keys;
    }

    pub(super) fn refuse(&mut self, line: u64, reason: &str, detail: String) {
        *self.refused.entry(reason.to_owned()).or_default() += 1;
        if self.named.len() < NAMED_MAX {
            self.named.push(Named { line, reason: reason.to_owned(), detail });
        } else {
            self.not_named += 1;
        }
    }

    pub(super) fn stop(&mut self, why: &str) {
        self.stopped = Some(why.to_owned());
    }

    /// Lines with an outcome.
    pub(super) fn lines(&self) -> u64 {
        self.created + self.unchanged + self.refused.values().sum::<u64>()
    }

    /// Whether everything that was to be brought in is there.
    pub(super) fn is_complete(&self) -> bool {
        self.refused.is_empty() && self.stopped.is_none()
    }

    /// The summary for people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "created    {} lines, with {} new domains and {} new keys", self.created, self.new_domains, self.new_keys)?;
        writeln!(out, "unchanged  {} lines", self.unchanged)?;
        for (reason, lines) in &self.refused {
            writeln!(out, "refused    {lines} lines ({})", plain(reason))?;
        }
        for Named { line, reason, detail } in &self.named {
            writeln!(out, "  line {line}: {}: {}", plain(reason), plain(detail))?;
        }
        if self.not_named > 0 {
            writeln!(out, "  and {} more", self.not_named)?;
        }
        if let Some(why) = &self.stopped {
            writeln!(out, "stopped before the end: {}", plain(why))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_tells_every_outcome_and_names_a_bounded_number_of_refused_lines() {
        let mut tally = Tally { unchanged: 2, ..Tally::default() };
        tally.create(3, 1);
        assert!(tally.is_complete());
        for line in 0..NAMED_MAX as u64 + 5 {
            tally.refuse(line, "domain-taken", "Taken\u{1b}[2J.".to_owned());
        }
        assert_eq!((tally.is_complete(), tally.lines()), (false, 108));
        let text = tally.text();
        for part in ["created    1 lines, with 3 new domains and 1 new keys", "unchanged  2 lines", "refused    105 lines (domain-taken)"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.contains("line 99: domain-taken: Taken\u{fffd}[2J.") && text.contains("and 5 more"), "{text}");
    }
}
