-- What is said of one tenant meets on one shard.
CREATE TABLE IF NOT EXISTS erasures$ON_CLUSTER AS erasures_local
ENGINE = Distributed($CLUSTER, $DATABASE, erasures_local, cityHash64(tenant));
