//! Raw deflate (RFC 1951) into memory under strict limits. Sizes that the input claims are hints for the first allocation only.

use flate2::{Decompress, FlushDecompress, Status};

use crate::{limits, reject::Reject};

/// How much more one payload may decompress to.
pub(super) struct Budget {
    left_bytes: usize,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { left_bytes: limits::DECOMPRESSED_MAX_BYTES }
    }

    /// Accounts for `bytes` of output that needed no inflating.
    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), Reject> {
        self.left_bytes = self.left_bytes.checked_sub(bytes).ok_or(Reject::TooLarge)?;
        Ok(())
    }
}

/// Why a deflate stream gave no output.
pub(super) enum InflateError {
    /// Damaged or cut short.
    Corrupt,
    /// Beyond a limit.
    Limit(Reject),
}

/// Inflates the deflate stream at the start of `input`, appending to `output`. Gives the number of input bytes that the
/// stream takes. `hint_bytes` is the size that somebody claims.
pub(super) fn inflate(input: &[u8], output: &mut Vec<u8>, hint_bytes: usize, budget: &mut Budget) -> Result<usize, InflateError> {
    let start = output.len();
    // Never reserve more than this input could plausibly fill.
    let plausible = input.len().saturating_mul(64).max(512);
    output.reserve(hint_bytes.saturating_add(1).min(plausible).min(budget.left_bytes));
    let mut stream = Decompress::new(false);
    let mut taken = 0;
    loop {
        let produced = output.len() - start;
        if output.len() == output.capacity() {
            if produced >= budget.left_bytes {
                return Err(InflateError::Limit(Reject::TooLarge));
            }
            let grow = produced.max(512).min(budget.left_bytes - produced);
            output.reserve_exact(grow);
        }
        let rest = input.get(taken..).unwrap_or_default();
        let before = stream.total_in();
        // "Finish" spares the copy of the window when all fits at once, and is no promise otherwise.
        let status = stream.decompress_vec(rest, output, FlushDecompress::Finish).map_err(|_| InflateError::Corrupt)?;
        taken += usize::try_from(stream.total_in() - before).unwrap_or(rest.len());
        let made = output.len() - start;
        if made > budget.left_bytes {
            return Err(InflateError::Limit(Reject::TooLarge));
        }
        if made > limits::COMPRESSION_RATIO_FLOOR_BYTES.max(taken * limits::COMPRESSION_MAX_RATIO) {
            return Err(InflateError::Limit(Reject::CompressionRatio));
        }
        match status {
            Status::StreamEnd => {
                budget.left_bytes -= made;
                return Ok(taken);
            }
            // No progress with room to write in: the input ends inside the stream.
            Status::Ok | Status::BufError if made == produced && taken >= input.len() && output.len() < output.capacity() => {
                return Err(InflateError::Corrupt);
            }
            Status::Ok | Status::BufError => {}
        }
    }
}
