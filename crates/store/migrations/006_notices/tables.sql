-- What tenants were told, or what was there before anybody asked: a row a condition's episode. Of one that ended there is a row from its
-- beginning and one from its end, and the latter counts.
CREATE TABLE IF NOT EXISTS notices$LOCAL$ON_CLUSTER
(
    tenant String,
    key UInt128 COMMENT 'Identity: a hash of tenant, kind, domain, subject and episode',
    version UInt64 COMMENT 'The end before the beginning, the earlier before the later',
    kind LowCardinality(String) COMMENT 'watched: that the domain is looked at',
    domain String,
    subject String,
    episode UInt32,
    since Nullable(Date),
    opened_at DateTime64(3, 'UTC'),
    closed_at Nullable(DateTime64(3, 'UTC')),
    is_told Bool,
    summary String CODEC(ZSTD(1)),
    look_first String CODEC(ZSTD(1))
)
ENGINE = $REPLACING(version)
ORDER BY (tenant, key)
TTL toDateTime(opened_at) + toIntervalDay(1826)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
-- How far each notice is on each of its ways: a row a channel.
CREATE TABLE IF NOT EXISTS notice_deliveries$LOCAL$ON_CLUSTER
(
    tenant String,
    key UInt128,
    channel LowCardinality(String),
    is_urgent Bool COMMENT 'Of a domain at risk',
    version UInt64 COMMENT 'The later try first, of one try its outcome, else who claimed it first',
    claim UUID COMMENT 'Of who tries, or tried last',
    state LowCardinality(String),
    attempts UInt32,
    created_at DateTime64(3, 'UTC'),
    next_at DateTime64(3, 'UTC') COMMENT 'Not to be tried before this',
    first_tried_at Nullable(DateTime64(3, 'UTC')),
    tried_at Nullable(DateTime64(3, 'UTC')),
    error String
)
ENGINE = $REPLACING(version)
ORDER BY (tenant, key, channel)
TTL toDateTime(created_at) + toIntervalDay(1826)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE erasures$LOCAL$ON_CLUSTER ADD COLUMN IF NOT EXISTS notices_removed UInt64 DEFAULT 0 AFTER key_use_left;
ALTER TABLE erasures$LOCAL$ON_CLUSTER ADD COLUMN IF NOT EXISTS notices_left UInt64 DEFAULT 0 AFTER notices_removed;
