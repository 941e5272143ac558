SELECT
    kafka_topic AS topic, kafka_partition AS partition, next_offset,
    toDateTime(intDiv(watermark_ms, 1000)) AS watermark,
    consumed, folded, duplicates, dead_lettered, late, gap, unaccounted
FROM pipeline
ORDER BY topic, partition
