-- What each checkpoint added to the state of its fold; previous_offset links a row to the one before
-- it. ids: event ids for the dedup memory, base64 of little-endian 64-bit hashes in offset order.
-- cells: open windows, see streams/cells.py; those that changed since previous_offset, or all of them
-- where cells_since is previous_offset. cells_since is where the last row with all of them begins.
CREATE TABLE IF NOT EXISTS checkpoint_link (
    kafka_topic     String,
    kafka_partition UInt32,
    next_offset     UInt64,
    previous_offset UInt64,
    ids             String,
    cells_since     UInt64,
    cells           String
) ENGINE = ReplacingMergeTree()
PARTITION BY intDiv(next_offset, 4194304)
ORDER BY (kafka_topic, kafka_partition, next_offset);
