//! The bound on the memory that submissions take between their first byte and the log's answer.

use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus::IntGauge;

/// Bytes that all submissions together may hold. They are counted as they arrive: a peer that announces much and sends
/// little takes nothing from others.
pub(crate) struct BytesInFlight {
    used: AtomicUsize,
    max: usize,
    gauge: IntGauge,
}

/// One submission's share; given back on drop.
pub(crate) struct Share<'a> {
    of: &'a BytesInFlight,
    bytes: usize,
}

/// All bytes are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

impl BytesInFlight {
    pub(crate) fn new(max: usize, gauge: IntGauge) -> Self {
        Self { used: AtomicUsize::new(0), max, gauge }
    }

    /// A share of no bytes yet.
    pub(crate) fn share(&self) -> Share<'_> {
        Share { of: self, bytes: 0 }
    }
}

impl Share<'_> {
    /// Takes `bytes` more.
    ///
    /// # Errors
    /// [`NoRoom`], and the share stays as it was.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let before = self.of.used.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.of.max {
            self.of.used.fetch_sub(bytes, Ordering::Relaxed);
            return Err(NoRoom);
        }
        self.bytes += bytes;
        self.of.gauge.add(i64::try_from(bytes).unwrap_or(i64::MAX));
        Ok(())
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.of.used.fetch_sub(self.bytes, Ordering::Relaxed);
        self.of.gauge.sub(i64::try_from(self.bytes).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn shares_never_exceed_the_bound_and_come_back_on_drop() {
        let all = BytesInFlight::new(10, IntGauge::new("bytes", "Bytes").unwrap());
        let mut first = all.share();
        let mut second = all.share();
        assert_eq!(first.grow(6), Ok(()));
        assert_eq!(second.grow(5), Err(NoRoom));
        assert_eq!(second.grow(4), Ok(()));
        assert_eq!(all.gauge.get(), 10);
        drop(first);
        assert_eq!(second.grow(6), Ok(()));
        drop(second);
        assert_eq!((all.gauge.get(), all.used.load(Ordering::Relaxed)), (0, 0));
    }
}
