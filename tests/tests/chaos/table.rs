//! The table that the suite prints: one line a fault.

use std::time::Duration;

/// What one fault came to.
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
