-- Uses of one key must meet on one shard, since FINAL works shard by shard.
CREATE TABLE IF NOT EXISTS key_use$ON_CLUSTER AS key_use_local
ENGINE = Distributed($CLUSTER, $DATABASE, key_use_local, cityHash64(key_id));
