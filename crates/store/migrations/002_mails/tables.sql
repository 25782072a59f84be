-- What is known of a mail beside its text. Empty for what came by HTTPS, and for what came in before.
ALTER TABLE submissions$LOCAL$ON_CLUSTER
    ADD COLUMN IF NOT EXISTS sender String DEFAULT '' COMMENT 'From, decoded' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS subject String DEFAULT '' COMMENT 'Subject, decoded' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS helo String DEFAULT '' COMMENT 'Host name that the client gave' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS mail_from Nullable(String) DEFAULT NULL COMMENT 'Reverse-path; empty: the null one' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS recipients Array(String) DEFAULT [] COMMENT 'Addresses here that it was sent to' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS tls LowCardinality(String) DEFAULT '' COMMENT 'TLS version; empty: plain text',
    ADD COLUMN IF NOT EXISTS authentication String DEFAULT '' COMMENT 'Results of DKIM, SPF, iprev (RFC 8601); empty: not looked at' CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS signer LowCardinality(String) DEFAULT '' COMMENT 'Domain whose signature verified',
    ADD COLUMN IF NOT EXISTS deferred UInt8 DEFAULT 0 COMMENT '1: DNS was away, the trust is not the last word';

ALTER TABLE reports$LOCAL$ON_CLUSTER
    ADD COLUMN IF NOT EXISTS signer LowCardinality(String) DEFAULT '' COMMENT 'Domain whose signature verified';
