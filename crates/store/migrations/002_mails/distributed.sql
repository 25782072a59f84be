-- The tables over them show the same columns.
ALTER TABLE submissions$ON_CLUSTER
    ADD COLUMN IF NOT EXISTS sender String DEFAULT '',
    ADD COLUMN IF NOT EXISTS subject String DEFAULT '',
    ADD COLUMN IF NOT EXISTS helo String DEFAULT '',
    ADD COLUMN IF NOT EXISTS mail_from Nullable(String) DEFAULT NULL,
    ADD COLUMN IF NOT EXISTS recipients Array(String) DEFAULT [],
    ADD COLUMN IF NOT EXISTS tls LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS authentication String DEFAULT '',
    ADD COLUMN IF NOT EXISTS signer LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS deferred UInt8 DEFAULT 0;

ALTER TABLE reports$ON_CLUSTER
    ADD COLUMN IF NOT EXISTS signer LowCardinality(String) DEFAULT '';
