-- What roles read and write in a cluster: tables without data of their own over those of the shards.
--
-- FINAL works shard by shard, so rows of one identity must meet on one shard: report rows go by their tenant, which is part of
-- their sorting key, ledger entries by their id.
CREATE TABLE IF NOT EXISTS reports$ON_CLUSTER AS reports_local
ENGINE = Distributed($CLUSTER, $DATABASE, reports_local, cityHash64(tenant));

CREATE TABLE IF NOT EXISTS submissions$ON_CLUSTER AS submissions_local
ENGINE = Distributed($CLUSTER, $DATABASE, submissions_local, cityHash64(submission_id));
