//! `/admin/v1/erasures`: how far the erasures of deleted tenants are, and in the end the proof.

use axum::Json;
use serde::Serialize;
use tlsrpt_record::TenantId;
use tlsrpt_registry::DeletedTenant;
use tlsrpt_report::UnixMillis;
use tlsrpt_store::{Cleared, Erasure, ErasureState};
use utoipa::ToSchema;

use super::tenants::by_id;
use crate::{
    auth::Support,
    parameters::{Asked, Nothing, Page},
    path_segments::Segments,
    pending::Stage,
    problem::Problem,
};

/// What became of the rows of one table.
#[derive(Serialize, ToSchema)]
#[schema(as = ErasedTable)]
struct Table {
    table: &'static str,
    /// Rows that were removed, at least.
    removed: u64,
    /// Rows that were there when they were last counted, superseded ones too.
    left: u64,
    /// Entries of which other owners keep their part.
    #[serde(skip_serializing_if = "Option::is_none")]
    narrowed: Option<u64>,
}

impl Table {
    fn new(table: &'static str, cleared: Cleared) -> Self {
        Self { table, removed: cleared.removed, left: cleared.left, narrowed: None }
    }
}

/// How far the log has forgotten.
#[derive(Serialize, ToSchema)]
#[schema(as = PassedTopic)]
struct Topic {
    topic: &'static str,
    #[schema(format = DateTime)]
    oldest_record_at: Option<String>,
    /// Records from before this have to go; null before the pipeline has passed the deletion.
    #[schema(format = DateTime)]
    has_to_pass: Option<String>,
}

/// When the oldest record of each topic was taken.
type Oldest = Vec<(Stage, Option<UnixMillis>)>;

#[derive(Serialize, ToSchema)]
pub(crate) struct ErasureEntry {
    tenant: TenantId,
    state: ErasureState,
    #[schema(format = DateTime)]
    requested_at: String,
    #[schema(format = DateTime)]
    finished_at: Option<String>,
    /// When the tables were last counted.
    #[schema(format = DateTime)]
    counted_at: Option<String>,
    tables: Vec<Table>,
    /// Files on disk that still hold rows which were removed from their tables.
    files_left: u64,
    keys_left: usize,
    topics: Vec<Topic>,
}

impl ErasureEntry {
    fn new(support: &Support, deleted: DeletedTenant, erasure: Option<Erasure>, oldest: &Oldest) -> Self {
        let mut erasure = erasure.unwrap_or_else(|| Erasure::requested(deleted.deleted_at));
        // The registry's word, should the database be another one since.
        if let Some(erased_at) = deleted.erased_at {
            (erasure.state, erasure.finished_at) = (ErasureState::Done, erasure.finished_at.or(Some(erased_at)));
        }
        let shown = |at: Option<UnixMillis>| at.map(UnixMillis::rfc3339);
        let submissions = Table { narrowed: Some(erasure.narrowed), ..Table::new("submissions", erasure.submissions) };
        let topic = |&(stage, at): &(Stage, Option<UnixMillis>)| Topic {
            topic: stage.topic(),
            oldest_record_at: shown(at),
            has_to_pass: shown(match stage {
                Stage::Raw => erasure.raw_before,
                Stage::Normalized => erasure.normalized_before,
            }),
        };
        Self {
            state: erasure.state,
            requested_at: deleted.deleted_at.rfc3339(),
            finished_at: shown(erasure.finished_at.filter(|_| erasure.state == ErasureState::Done)),
            counted_at: shown(erasure.counted_at),
            tables: vec![
                Table::new("reports", erasure.reports),
                submissions,
                Table::new("key_use", erasure.key_use),
                Table::new("notices", erasure.notices),
            ],
            files_left: erasure.files_left,
            keys_left: support.registry().keys(&deleted.id).len(),
            topics: oldest.iter().map(topic).collect(),
            tenant: deleted.id,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Erasures {
    erasures: Vec<ErasureEntry>,
    next_cursor: Option<String>,
}

pub(crate) async fn list(support: Support, Asked(page): Asked<Page>) -> Result<Json<Erasures>, Problem> {
    let (deleted, next_cursor) = by_id(&page, |after, limit| support.registry().deleted(after, limit), |tenant| &tenant.id)?;
    Ok(Json(Erasures { erasures: entries(&support, deleted).await?, next_cursor }))
}

pub(crate) async fn one(support: Support, path: Segments, _: Asked<Nothing>) -> Result<Json<ErasureEntry>, Problem> {
    let id = path.read("id", TenantId::parse)?;
    let deleted = support.registry().deleted_one(&id);
    let found = entries(&support, deleted.into_iter().collect()).await?;
    found.into_iter().next().map(Json).ok_or_else(|| Problem::not_found(format!("No tenant `{id}` was deleted.")))
}

async fn entries(support: &Support, deleted: Vec<DeletedTenant>) -> Result<Vec<ErasureEntry>, Problem> {
    if deleted.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<TenantId> = deleted.iter().map(|tenant| tenant.id.clone()).collect();
    let mut known = support.store().erasures(&ids).await?;
    let mut oldest = Oldest::new();
    for stage in Stage::ALL {
        let at = support.pipeline().oldest(stage).await.map_err(|error| Problem::log("ask the log for its oldest record", &error))?;
        oldest.push((stage, at));
    }
    let entry = |tenant: DeletedTenant| {
        let erasure = known.remove(tenant.id.as_str());
        ErasureEntry::new(support, tenant, erasure, &oldest)
    };
    Ok(deleted.into_iter().map(entry).collect())
}
