-- What is said of one tenant meets on one shard.
CREATE TABLE IF NOT EXISTS notices$ON_CLUSTER AS notices_local
ENGINE = Distributed($CLUSTER, $DATABASE, notices_local, cityHash64(tenant));
CREATE TABLE IF NOT EXISTS notice_deliveries$ON_CLUSTER AS notice_deliveries_local
ENGINE = Distributed($CLUSTER, $DATABASE, notice_deliveries_local, cityHash64(tenant));
ALTER TABLE erasures$ON_CLUSTER ADD COLUMN IF NOT EXISTS notices_removed UInt64 DEFAULT 0 AFTER key_use_left;
ALTER TABLE erasures$ON_CLUSTER ADD COLUMN IF NOT EXISTS notices_left UInt64 DEFAULT 0 AFTER notices_removed;
