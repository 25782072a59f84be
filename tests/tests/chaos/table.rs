//! The table that the suite prints: one line a fault, and at the end one for all rounds of each.

use std::{collections::BTreeMap, time::Duration};

/// What one fault came to.
#[derive(Clone)]
pub(crate) struct Line {
    /// The fault.
    pub(crate) fault: String,
    /// Acknowledged while it lasted.
    pub(crate) acknowledged: usize,
    /// Told to come back, or without an answer.
    pub(crate) unanswered: usize,
    /// Newly stored.
    pub(crate) stored: u64,
    /// Newly known as duplicates, which the senders sent on purpose or again.
    pub(crate) duplicates: u64,
    /// Acknowledged and not there.
    pub(crate) lost: usize,
    /// Reports that are shown more often than they came, or less often; sessions likewise.
    pub(crate) miscounted: u64,
    /// From the end of the fault until nothing was pending.
    pub(crate) recovered_in: Duration,
}

impl Line {
    pub(crate) const HEAD: &str = "| fault | acknowledged | not answered | stored | duplicates | lost | double-counted | recovered in |\n\
                                   | --- | --- | --- | --- | --- | --- | --- | --- |";

    /// Adds another round of the same fault; of two times to recover the longer one stays.
    fn add(&mut self, other: &Self) {
        self.acknowledged += other.acknowledged;
        self.unanswered += other.unanswered;
        self.stored += other.stored;
        self.duplicates += other.duplicates;
        self.lost += other.lost;
        self.miscounted += other.miscounted;
        self.recovered_in = self.recovered_in.max(other.recovered_in);
    }

    pub(crate) fn text(&self) -> String {
        format!(
            "| {} | {} | {} | {} | {} | {} | {} | {:.1} s |",
            self.fault,
            self.acknowledged,
            self.unanswered,
            self.stored,
            self.duplicates,
            self.lost,
            self.miscounted,
            self.recovered_in.as_secs_f64()
        )
    }
}

/// All rounds of each fault together, by name, and the sum.
pub(crate) fn summary(lines: &[Line]) -> String {
    let mut faults: BTreeMap<&str, Line> = BTreeMap::new();
    for line in lines {
        faults.entry(&line.fault).and_modify(|all| all.add(line)).or_insert_with(|| line.clone());
    }
    let mut total: Option<Line> = None;
    for line in lines {
        match &mut total {
            None => total = Some(Line { fault: format!("all, {} in a row", lines.len()), ..line.clone() }),
            Some(total) => total.add(line),
        }
    }
    let rows: Vec<String> = faults.values().chain(&total).map(Line::text).collect();
    format!("{}\n{}", Line::HEAD, rows.join("\n"))
}
