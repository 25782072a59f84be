//! One step of one tenant's erasure.

use tlsrpt_record::AuditEntry;
use tlsrpt_registry::DeletedTenant;
use tlsrpt_report::UnixMillis;
use tlsrpt_store::{Erasure, ErasureState, Selection};
use tokio::sync::OnceCell;

use super::{Erasures, error::LookError};
use crate::{clock::now, pending::Stage};

/// The status that the audit log shows of an erasure: it is done.
const DONE: u16 = 200;

/// When the oldest records of the log were taken, raw and normalized: asked once a look, however many erasures wait for it.
#[derive(Default)]
pub(super) struct OldestRecords(OnceCell<[Option<UnixMillis>; 2]>);

impl Erasures {
    /// Takes an erasure a step further; answers whether it is done.
    pub(super) async fn step(&self, tenant: &DeletedTenant, mut erasure: Erasure, log: &OldestRecords) -> Result<bool, LookError> {
        let before = erasure;
        match erasure.state {
            ErasureState::Erasing => {
                self.pass_pipeline(&mut erasure).await?;
                let has_passed = erasure.raw_before.is_some() && erasure.normalized_before.is_some();
                // At once, so that most is gone soon, and when nothing from before can come any more; not while the pipeline stands still.
                if has_passed || erasure.counted_at.is_none() || !is_clear(&erasure) {
                    self.go_through_tables(tenant, &mut erasure).await?;
                }
                if has_passed && is_clear(&erasure) {
                    erasure.state = ErasureState::WaitingForLog;
                }
            }
            ErasureState::WaitingForLog => {
                if !self.is_forgotten_by_log(&erasure, log).await? || !self.are_key_uses_written(tenant) {
                    return Ok(false);
                }
                self.go_through_tables(tenant, &mut erasure).await?;
                if came_back(&before, &erasure) || !is_clear(&erasure) {
                    // Whatever brought it may have left it in the log too.
                    erasure = Erasure { state: ErasureState::Erasing, raw_before: None, normalized_before: None, ..erasure };
                } else if erasure.files_left == 0 {
                    self.finish(tenant, &mut erasure).await?;
                }
            }
            ErasureState::Done => {
                self.registry.erased(&tenant.id, erasure.finished_at.unwrap_or_else(now)).await?;
                return Ok(true);
            }
        }
        // The time of the count alone is no news.
        let but_for_the_count = Erasure { counted_at: before.counted_at, ..erasure };
        if but_for_the_count != before {
            self.store.save_erasure(&tenant.id, &erasure, now()).await?;
        }
        if erasure.state == ErasureState::Done {
            self.registry.erased(&tenant.id, erasure.finished_at.unwrap_or_else(now)).await?;
            tracing::info!(tenant = tenant.id.as_str(), "a deleted tenant is erased: nothing of it is left");
        }
        Ok(erasure.state == ErasureState::Done)
    }

    /// Removes what is in the tables, and counts what is left.
    async fn go_through_tables(&self, tenant: &DeletedTenant, erasure: &mut Erasure) -> Result<(), LookError> {
        let selection = Selection::all_of(&tenant.id, tenant.address.as_deref());
        let before = *erasure;
        let mut after = None;
        loop {
            let page = self.store.erase_entries(&selection, after, now()).await?;
            erasure.submissions.removed += page.removed;
            erasure.narrowed += page.narrowed;
            if page.removed > 0 || page.narrowed > 0 {
                erasure.cleared_at = Some(now());
                self.store.save_erasure(&tenant.id, erasure, now()).await?;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        erasure.submissions.left = self.store.entries_left(&selection).await?;
        // By its rows the entries are found, so they go last.
        if erasure.submissions.left == 0 {
            erasure.reports.removed += self.store.erase_rows(&selection).await?;
        }
        erasure.reports.left = self.store.selected_rows(&selection).await?;
        erasure.key_use.removed += self.store.erase_key_uses(&tenant.keys).await?;
        erasure.key_use.left = self.store.key_uses_left(&tenant.keys).await?;
        erasure.notices.removed += self.store.erase_notices(&tenant.id).await?;
        erasure.notices.left = self.store.notices_left(&tenant.id).await?;
        if came_back(&before, erasure) || others(&before) != others(erasure) {
            erasure.cleared_at = Some(now());
        }
        erasure.files_left = match erasure.cleared_at {
            Some(at) => self.store.replaced_files(at).await?,
            None => 0,
        };
        erasure.counted_at = Some(now());
        Ok(())
    }

    /// Notes when the pipeline had worked through what came before the deletion.
    async fn pass_pipeline(&self, erasure: &mut Erasure) -> Result<(), LookError> {
        if erasure.raw_before.is_none() && self.pipeline.has_passed(Stage::Raw, erasure.requested_at).await? {
            erasure.raw_before = Some(now());
        }
        if let Some(raw_before) = erasure.raw_before
            && erasure.normalized_before.is_none()
            && self.pipeline.has_passed(Stage::Normalized, raw_before).await?
        {
            erasure.normalized_before = Some(now());
        }
        Ok(())
    }

    /// Whether no record can be read any more that is from before the pipeline had passed the deletion.
    async fn is_forgotten_by_log(&self, erasure: &Erasure, log: &OldestRecords) -> Result<bool, LookError> {
        let [raw, normalized] = *log
            .0
            .get_or_try_init(async || {
                Ok::<_, LookError>([self.pipeline.oldest(Stage::Raw).await?, self.pipeline.oldest(Stage::Normalized).await?])
            })
            .await?;
        let is_past = |oldest: Option<UnixMillis>, before: Option<UnixMillis>| {
            oldest.is_none_or(|oldest| before.is_some_and(|before| oldest > before))
        };
        Ok(is_past(raw, erasure.raw_before) && is_past(normalized, erasure.normalized_before))
    }

    /// Uses from before the deletion are noted in memory, by any process, and written some time later.
    fn are_key_uses_written(&self, tenant: &DeletedTenant) -> bool {
        let written_ms = i64::try_from(self.key_uses_written.as_millis()).unwrap_or(i64::MAX);
        now().0 > tenant.deleted_at.0.saturating_add(written_ms)
    }

    async fn finish(&self, tenant: &DeletedTenant, erasure: &mut Erasure) -> Result<(), LookError> {
        // Noted first, so that a second try writes the same entry.
        let finished_at = match erasure.finished_at {
            Some(at) => at,
            None => {
                let at = now();
                erasure.finished_at = Some(at);
                self.store.save_erasure(&tenant.id, erasure, now()).await?;
                at
            }
        };
        self.audits.append(AuditEntry::erased(tenant.id.as_str(), finished_at, DONE)).await?;
        erasure.state = ErasureState::Done;
        Ok(())
    }
}

/// Rows removed of what the pipeline does not bring.
fn others(erasure: &Erasure) -> (u64, u64) {
    (erasure.key_use.removed, erasure.notices.removed)
}

/// Whether rows or entries were found that the pipeline can have brought.
fn came_back(before: &Erasure, after: &Erasure) -> bool {
    let found = |erasure: &Erasure| (erasure.reports.removed, erasure.submissions.removed, erasure.narrowed);
    found(before) != found(after)
}

fn is_clear(erasure: &Erasure) -> bool {
    [erasure.reports, erasure.submissions, erasure.key_use, erasure.notices].iter().all(|table| table.left == 0)
}
