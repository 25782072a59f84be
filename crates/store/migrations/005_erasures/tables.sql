-- How far the erasure of each deleted tenant is, and in the end the proof: what was removed, and that nothing is left.
CREATE TABLE IF NOT EXISTS erasures$LOCAL$ON_CLUSTER
(
    tenant String,
    saved_at DateTime64(3, 'UTC') COMMENT 'The latest counts',
    state Enum8('erasing' = 0, 'waiting-for-log' = 1, 'done' = 2),
    requested_at DateTime64(3, 'UTC'),
    counted_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the tables were last gone through',
    cleared_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When something was last removed',
    finished_at Nullable(DateTime64(3, 'UTC')),
    reports_removed UInt64 COMMENT 'Rows, superseded ones and tombstones included',
    reports_left UInt64,
    submissions_removed UInt64,
    submissions_left UInt64,
    submissions_narrowed UInt64 COMMENT 'Entries of which other owners keep their part',
    key_use_removed UInt64,
    key_use_left UInt64,
    files_left UInt64 COMMENT 'Files of the database that were replaced and are not removed yet',
    raw_before Nullable(DateTime64(3, 'UTC')) COMMENT 'Records of the log before this have to go: payloads as received',
    normalized_before Nullable(DateTime64(3, 'UTC')) COMMENT 'Outcomes'
)
ENGINE = $REPLACING(saved_at)
ORDER BY tenant
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
