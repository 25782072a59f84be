-- Policies of reports. One row a tenant, report and policy; of rows with one sorting key the greatest version counts.
--
-- key_day is the reported day, and 1970-01-01 when the report has none: it must not hold the receipt, or a resend would get
-- another key. It is in the sorting key because it makes the partition: rows of one key must meet in one partition.
-- fsync: the log's offset is committed once an insert is answered, so the insert must be on the disk by then.
CREATE TABLE IF NOT EXISTS reports$LOCAL$ON_CLUSTER
(
    tenant LowCardinality(String) COMMENT 'Owner of the policy domain; empty: nobody',
    policy_domain String COMMENT 'Normalised; empty: unknown',
    key_day Date COMMENT 'Reported day; 1970-01-01: none',
    report_key UInt128 COMMENT 'Identity of the block',
    version UInt128 COMMENT 'Trust, then earlier receipt, then id, then later normalisation',
    is_deleted UInt8 COMMENT '1: taken back or moved to an owner',
    day Date COMMENT 'Day that the report is shown under: reported, else received',
    document UInt128 COMMENT 'Identity of the document',
    report_group UInt128 COMMENT 'Identity of the report, for the counting rule',
    organization LowCardinality(String),
    report_id String CODEC(ZSTD(1)),
    contact LowCardinality(String),
    period_begin Nullable(Int64) COMMENT 'Unix seconds',
    period_end Nullable(Int64) COMMENT 'Unix seconds',
    domain_sent String COMMENT 'As sent, when it differs',
    policy_type Enum8('sts' = 0, 'tlsa' = 1, 'no-policy-found' = 2, 'other' = 3),
    policy_type_sent String COMMENT 'As sent, when it differs',
    policy_strings Array(String) CODEC(ZSTD(1)),
    policy_mode Enum8('' = -1, 'none' = 0, 'testing' = 1, 'enforce' = 2),
    policy_max_age Nullable(UInt64) COMMENT 'Seconds',
    mx_hosts Array(String) CODEC(ZSTD(1)),
    successful Nullable(UInt64) COMMENT 'Sessions; null: unknown',
    failed Nullable(UInt64) COMMENT 'Sessions; null: unknown',
    failures Nested
    (
        result_type Enum8('starttls-not-supported' = 0, 'certificate-host-mismatch' = 1, 'certificate-expired' = 2,
            'certificate-not-trusted' = 3, 'validation-failure' = 4, 'tlsa-invalid' = 5, 'dnssec-invalid' = 6,
            'dane-required' = 7, 'sts-policy-fetch-error' = 8, 'sts-policy-invalid' = 9, 'sts-webpki-invalid' = 10,
            'other' = 11),
        result_type_sent String,
        sending_ip Nullable(IPv6),
        sending_ip_sent String,
        receiving_mx String,
        receiving_helo String,
        receiving_ip Nullable(IPv6),
        receiving_ip_sent String,
        sessions Nullable(UInt64),
        reason String,
        additional String
    ),
    warnings Array(LowCardinality(String)),
    trust Enum8('dkim-fail' = 0, 'none' = 1, 'dkim-other' = 2, 'dkim-aligned' = 3),
    submission_id UUID,
    received_at DateTime64(3, 'UTC'),
    INDEX by_key report_key TYPE bloom_filter GRANULARITY 1,
    INDEX by_submission submission_id TYPE bloom_filter GRANULARITY 1,
    INDEX by_receipt received_at TYPE minmax GRANULARITY 1
)
ENGINE = $REPLACING(version, is_deleted)
PARTITION BY toYYYYMM(key_day)
ORDER BY (tenant, policy_domain, key_day, report_key)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- The ledger: every submission that was accepted, as received. received_at is the time in the id, so the id alone finds it.
CREATE TABLE IF NOT EXISTS submissions$LOCAL$ON_CLUSTER
(
    submission_id UUID,
    received_at DateTime64(3, 'UTC'),
    normalized_at DateTime64(3, 'UTC') COMMENT 'Of two outcomes the later counts',
    channel Enum8('https' = 0, 'smtp' = 1, 'import' = 2),
    address String,
    remote_ip Nullable(IPv6),
    content_type String,
    trust Enum8('dkim-fail' = 0, 'none' = 1, 'dkim-other' = 2, 'dkim-aligned' = 3),
    reason LowCardinality(String) COMMENT 'Of the reject; empty: not rejected',
    detail String,
    report_keys Array(UInt128),
    payload_bytes UInt64,
    payload String CODEC(ZSTD(3)) TTL toDateTime(received_at) + INTERVAL 400 DAY
)
ENGINE = $REPLACING(normalized_at)
PARTITION BY toYYYYMM(received_at)
ORDER BY (received_at, submission_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
