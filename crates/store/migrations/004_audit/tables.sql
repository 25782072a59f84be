-- Who changed what, and who read which raw payload. Rows are only ever added: of one change there is a row from before it, with the
-- status 0, and one from after it, with the answer's. A row that comes twice is one, since all of it is in the key or follows from it.
-- The service sets the TTL from its configuration.
CREATE TABLE IF NOT EXISTS audit$LOCAL$ON_CLUSTER
(
    at DateTime64(3, 'UTC') COMMENT 'When it began',
    id UUID COMMENT 'Of what was done',
    status UInt16 COMMENT 'Of the answer; 0: before it was known',
    actor_kind LowCardinality(String) COMMENT 'operator, tenant or service',
    actor_id String COMMENT 'Of the key, never the key',
    tenant String COMMENT 'Concerned; empty: none',
    action LowCardinality(String),
    target String CODEC(ZSTD(1)),
    request_id String,
    remote_ip Nullable(IPv6)
)
ENGINE = $REPLACING(status)
PARTITION BY toYYYYMM(at)
ORDER BY (at, id, status)
TTL toDateTime(at) + toIntervalDay(1826)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
