//! What tenants are told: conditions in, deliveries on, pages out.
//!
//! A notice's deliveries are written before the notice itself, so that a crash between leaves nothing untold: the condition is found again,
//! and its rows are the same. A delivery is [claimed](Store::claim_deliveries) before it is tried; of several processes that try at once
//! the first claim wins, and a claim whose holder died ends by itself.

mod delivery;
mod record;

pub use delivery::{Channel as NoticeChannel, Delivery, DeliveryState, DueNotice};
pub use record::{NoticeItem, NoticeRecord, NoticedDelivery, WATCHED};

use tlsrpt_report::UnixMillis;

use crate::rows::RECEIPT_RANGE;

/// Of two versions of one row the greater counts.
const LATER_MAX: u64 = (1 << 47) - 1;

/// A moment as the database holds it.
fn within(at: UnixMillis) -> i64 {
    at.0.clamp(0, *RECEIPT_RANGE.end())
}

/// Greater for the earlier moment.
fn earlier_first(at: UnixMillis) -> u64 {
    LATER_MAX - u64::try_from(within(at)).unwrap_or(0).min(LATER_MAX)
}
