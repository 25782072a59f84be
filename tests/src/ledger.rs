//! The ledger, and waiting until the pipeline has caught up.

use serde::Deserialize;

use crate::{client::Operator, wait::until};

/// `GET /admin/v1/ledger`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// All that was acknowledged.
    pub accepted: u64,
    /// Counted for a tenant.
    pub stored: u64,
    /// Came in before.
    pub duplicate: u64,
    /// Counted for nobody.
    pub unclaimed: u64,
    /// Uncountable.
    pub rejected: u64,
    /// Not through yet.
    pub pending: u64,
}

impl Ledger {
    /// Asks for it.
    ///
    /// # Panics
    /// When it does not add up.
    pub async fn read(operator: &Operator) -> Self {
        let text = operator.get("/admin/v1/ledger").await.is(200).text();
        let ledger: Self = serde_json::from_str(&text).unwrap_or_else(|error| panic!("ledger: {error}: {text}"));
        let sum = ledger.stored + ledger.duplicate + ledger.unclaimed + ledger.rejected + ledger.pending;
        assert_eq!(ledger.accepted, sum, "the ledger adds up: {ledger:?}");
        ledger
    }
}

/// Waits until nothing is pending.
pub async fn caught_up(operator: &Operator) -> Ledger {
    until("nothing is pending", async || {
        let ledger = Ledger::read(operator).await;
        if ledger.pending == 0 { Ok(ledger) } else { Err(format!("{ledger:?}")) }
    })
    .await
}

/// Waits until `accepted` submissions are through.
///
/// # Panics
/// When another number of them is.
pub async fn settled(operator: &Operator, accepted: u64) -> Ledger {
    let ledger = caught_up(operator).await;
    assert_eq!(ledger.accepted, accepted, "what was acknowledged is in the ledger, and nothing else: {ledger:?}");
    ledger
}
