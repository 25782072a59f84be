//! When keys were last used: kept in memory by every request, and written to the database now and then, so that no request waits for
//! it and none fails by it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tlsrpt_report::{UnixMillis, UnixSeconds};
use tlsrpt_store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::problem::chain;

/// How long an answer waits for what the database knows.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// Uses that are not written yet. Only keys that exist are noted, so their number bounds it.
#[derive(Clone, Default)]
pub(crate) struct KeyUses(Arc<Mutex<HashMap<Box<str>, UnixSeconds>>>);

impl KeyUses {
    /// The key opened something, or would have with another scope or role.
    pub(crate) fn note(&self, key_id: &str, now: UnixMillis) {
        let now = UnixSeconds(now.0.div_euclid(1000));
        let mut uses = self.0.lock();
        match uses.get_mut(key_id) {
            Some(at) => *at = now.max(*at),
            None => drop(uses.insert(key_id.into(), now)),
        }
    }

    /// When these keys were last used, here or anywhere; none of all when the database cannot tell in time.
    pub(crate) async fn last(&self, store: &Store, key_ids: Vec<String>) -> Option<BTreeMap<String, UnixSeconds>> {
        // Before the database is asked: what is written in between is in both, and never in neither.
        let unwritten: Vec<(String, UnixSeconds)> = {
            let uses = self.0.lock();
            key_ids.iter().filter_map(|id| uses.get(&**id).map(|&at| (id.clone(), at))).collect()
        };
        let written = tokio::time::timeout(READ_TIMEOUT, store.key_uses(key_ids)).await;
        let mut uses = match written {
            Ok(Ok(uses)) => uses,
            Ok(Err(error)) => {
                tracing::warn!(error = chain(&error), "a list of keys is shown without their last use");
                return None;
            }
            Err(_) => {
                tracing::warn!("the database takes too long: a list of keys is shown without their last use");
                return None;
            }
        };
        for (id, at) in unwritten {
            let last = uses.entry(id).or_insert(at);
            *last = at.max(*last);
        }
        Some(uses)
    }

    /// Writes what was noted every `interval`, and once more after `shutdown`. What cannot be written waits for the next time.
    pub(crate) async fn write(self, store: Store, interval: Duration, shutdown: CancellationToken) {
        let mut is_failing = false;
        loop {
            let is_last = shutdown.run_until_cancelled(tokio::time::sleep(interval)).await.is_none();
            match self.write_once(&store).await {
                Ok(()) => is_failing = false,
                Err(error) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        // Nobody is kept waiting by it, and who is says so elsewhere.
                        tracing::info!(error = chain(&error), "uses of keys wait to be written");
                    }
                }
            }
            if is_last {
                return;
            }
        }
    }

    async fn write_once(&self, store: &Store) -> Result<(), StoreError> {
        let unwritten: BTreeMap<Box<str>, UnixSeconds> = self.0.lock().iter().map(|(id, &at)| (id.clone(), at)).collect();
        if unwritten.is_empty() {
            return Ok(());
        }
        store.note_key_uses(&unwritten).await?;
        // Only now, so that a list shows a use that is on its way; one that came meanwhile stays for the next time.
        self.0.lock().retain(|id, at| unwritten.get(id) != Some(at));
        Ok(())
    }
}
