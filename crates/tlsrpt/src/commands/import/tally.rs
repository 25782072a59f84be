//! What came of it all, for people and for programs.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::Serialize;

use super::{
    message::{Refused, Why},
    understand::Understood,
};

/// Messages that are told by name.
const NAMED_MAX: usize = 100;
/// Reasons that are counted apart; the codes come from this program and from the service.
const REASONS_MAX: usize = 100;

/// Outcomes, counted.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Tally {
    /// Whether nothing was sent.
    pub(crate) dry_run: bool,
    /// Messages that the log holds now, or would.
    pub(crate) accepted: u64,
    /// Of these, those with a report that can be counted.
    pub(crate) with_report: u64,
    /// Reports in them.
    pub(crate) reports: u64,
    /// Of the accepted, those without one, by reason; the ledger has them as rejected.
    pub(crate) without_report: BTreeMap<String, u64>,
    /// First and last receipt of the accepted.
    pub(crate) received: Option<(String, String)>,
    /// Messages that an earlier run brought, or that are gone from their mailbox.
    pub(crate) skipped: u64,
    /// Messages that were moved in their mailbox.
    pub(crate) moved: u64,
    /// Messages that cannot be accepted, by reason.
    pub(crate) rejected: BTreeMap<String, u64>,
    /// What failed and may work another time, by reason.
    pub(crate) failed: BTreeMap<String, u64>,
    /// The rejected and failed by name.
    pub(crate) named: Vec<Named>,
    /// How many more there are than are named.
    pub(crate) not_named: u64,
    /// Why it ended before everything was tried.
    pub(crate) stopped: Option<String>,
}

/// A message that was not accepted.
#[derive(Debug, Serialize)]
pub(crate) struct Named {
    name: String,
    reason: String,
    detail: String,
}

impl Tally {
    pub(crate) fn accept(&mut self, understood: Understood) {
        self.accepted += 1;
        match understood.reports {
            Ok(reports) => {
                self.with_report += 1;
                self.reports += reports;
            }
            Err(reason) => count(&mut self.without_report, reason),
        }
        let at = understood.received_at.rfc3339();
        let (first, last) = self.received.get_or_insert_with(|| (at.clone(), at.clone()));
        if at < *first {
            *first = at;
        } else if at > *last {
            *last = at;
        }
    }

    pub(crate) fn refuse(&mut self, refused: Refused) {
        count(if refused.why == Why::Rejected { &mut self.rejected } else { &mut self.failed }, &refused.reason);
        if self.named.len() < NAMED_MAX {
            let Refused { name, reason, detail, .. } = refused;
            self.named.push(Named { name, reason, detail });
        } else {
            self.not_named += 1;
        }
    }

    /// Whether everything that was to be imported is.
    pub(crate) fn is_complete(&self) -> bool {
        self.rejected.is_empty() && self.failed.is_empty() && self.stopped.is_none()
    }

    /// The summary for people.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let would = if self.dry_run { " (dry run: nothing was sent)" } else { "" };
        writeln!(out, "accepted  {}{would}", self.accepted)?;
        if self.accepted > 0 {
            writeln!(out, "  with a report     {}, {} reports", self.with_report, self.reports)?;
            for (reason, messages) in &self.without_report {
                writeln!(out, "  without a report  {messages} ({reason})")?;
            }
        }
        if let Some((first, last)) = &self.received {
            writeln!(out, "  received          {first} to {last}")?;
        }
        for (what, number) in [("skipped", self.skipped), ("moved", self.moved)] {
            if number > 0 {
                writeln!(out, "{what:<9} {number}")?;
            }
        }
        for (what, reasons) in [("rejected", &self.rejected), ("failed", &self.failed)] {
            for (reason, messages) in reasons {
                writeln!(out, "{what:<9} {messages} ({reason})")?;
            }
        }
        for Named { name, reason, detail } in &self.named {
            writeln!(out, "  {}: {reason}: {}", plain(name), plain(detail))?;
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

fn count(reasons: &mut BTreeMap<String, u64>, reason: &str) {
    let reason = if reasons.contains_key(reason) || reasons.len() < REASONS_MAX { reason } else { "other" };
    *reasons.entry(reason.to_owned()).or_default() += 1;
}

/// A text as the terminal may have it: file names and servers' answers come from others.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use tlsrpt_report::UnixMillis;

    use super::*;

    #[test]
    fn the_summary_tells_every_outcome_with_its_reasons_and_names_a_bounded_number() {
        let mut tally = Tally::default();
        assert!(tally.is_complete());
        for (at, reports) in [(2_000_000_000_000, Ok(2)), (1_500_000_000_000, Err("bounce")), (1_600_000_000_000, Ok(1))] {
            tally.accept(Understood { received_at: UnixMillis(at), reports });
        }
        assert!(tally.is_complete(), "what has no report is accepted all the same");
        for number in 0..NAMED_MAX + 5 {
            tally.refuse(Refused::rejected(format!("file {number}\u{1b}[2J"), "empty", "nothing"));
        }
        tally.refuse(Refused::failed("mailbox".to_owned(), "unreadable", "no"));
        assert!(!tally.is_complete());
        let text = tally.text();
        for part in [
            "accepted  3\n",
            "with a report     2, 3 reports",
            "without a report  1 (bounce)",
            "2017-07-14T02:40:00.000Z to 2033-05-18T03:33:20.000Z",
            "rejected  105 (empty)",
            "failed    1 (unreadable)",
            "file 99\u{fffd}[2J: empty: nothing",
            "and 6 more",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
