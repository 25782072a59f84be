-- The rows of one action meet on one shard.
CREATE TABLE IF NOT EXISTS audit$ON_CLUSTER AS audit_local
ENGINE = Distributed($CLUSTER, $DATABASE, audit_local, cityHash64(id));
