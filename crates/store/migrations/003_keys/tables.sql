-- When each key, of a tenant or of an operator, was last used. It is noted some seconds later, and the latest counts.
CREATE TABLE IF NOT EXISTS key_use$LOCAL$ON_CLUSTER
(
    key_id String COMMENT 'Id of the key, never its secret',
    last_used DateTime('UTC')
)
ENGINE = $REPLACING(last_used)
ORDER BY key_id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
