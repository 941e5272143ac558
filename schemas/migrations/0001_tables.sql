-- The tables. One set of DDL for ClickHouse from 18.16 on and for chDB, hence no CODEC, no TTL,
-- no window functions.
--
-- No LowCardinality: on 18.16 it is experimental and breaks UNION ALL and joins in the views, and
-- plain strings measured faster here (inserts by 10 %, reads by 20 to 50 %, 3 % more disk).
--
-- Every statement of a migration can be run again, and by two workers at once: a worker that died
-- half way, or that starts together with another one, must not leave a broken database.
--
-- A *_window row is the absolute value of one window of one Kafka partition. Writing it twice, or
-- an older version after a newer one, changes nothing. Reading sums over kafka_topic,
-- kafka_partition and late_slice.
--   version    offset of the last record folded into the row
--   late_slice 0 while the window was open; late records go to numbered slices, so that a closed
--              row is never touched again

CREATE TABLE IF NOT EXISTS activity_window (
    room_id         String,
    source          String,
    mode            String,
    window_start    DateTime('UTC'),
    late_slice      UInt64,
    kafka_topic     String,
    kafka_partition UInt32,
    version         UInt64,
    events          UInt64,
    late            UInt64,
    views           UInt64,
    leaves          UInt64,
    watch_ms        UInt64,
    impressions     UInt64,
    clicks          UInt64,
    carts           UInt64,
    chats           UInt64,
    likes           UInt64
) ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(window_start)
ORDER BY (room_id, window_start, source, mode, kafka_topic, kafka_partition, late_slice);

CREATE TABLE IF NOT EXISTS sales_window (
    room_id         String,
    kol_id          String,
    currency        String,
    promo           String,
    attribution     String,
    window_start    DateTime('UTC'),
    late_slice      UInt64,
    kafka_topic     String,
    kafka_partition UInt32,
    version         UInt64,
    orders          UInt64,
    sku_orders      UInt64,
    units           UInt64,
    gmv_minor       Int64,
    discount_minor  Int64,
    cancelled       UInt64,
    refunds         UInt64,
    refunded_units  UInt64,
    refund_minor    Int64
) ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(window_start)
ORDER BY (room_id, window_start, kol_id, currency, promo, attribution, kafka_topic, kafka_partition, late_slice);

-- Per product; the rows of product traffic have empty kol_id, currency and promo.
CREATE TABLE IF NOT EXISTS product_window (
    room_id         String,
    product_id      String,
    kol_id          String,
    currency        String,
    promo           String,
    window_start    DateTime('UTC'),
    late_slice      UInt64,
    kafka_topic     String,
    kafka_partition UInt32,
    version         UInt64,
    impressions     UInt64,
    clicks          UInt64,
    carts           UInt64,
    orders          UInt64,
    sku_orders      UInt64,
    units           UInt64,
    gmv_minor       Int64,
    refunds         UInt64,
    refunded_units  UInt64,
    refund_minor    Int64
) ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(window_start)
ORDER BY (room_id, window_start, product_id, kol_id, currency, promo, kafka_topic, kafka_partition, late_slice);

-- Unique people: set unions, idempotent by nature. kol_id is set for buyers only.
CREATE TABLE IF NOT EXISTS audience_in (
    room_id String,
    kol_id  String,
    role    String,
    minute  DateTime('UTC'),
    user_id String
) ENGINE = Null;

CREATE TABLE IF NOT EXISTS audience (
    room_id String,
    kol_id  String,
    role    String,
    minute  DateTime('UTC'),
    users   AggregateFunction(uniqExact, String)
) ENGINE = AggregatingMergeTree()
PARTITION BY toYYYYMM(minute)
ORDER BY (room_id, role, kol_id, minute);

CREATE MATERIALIZED VIEW IF NOT EXISTS audience_mv TO audience AS
SELECT room_id, kol_id, role, minute, uniqExactState(user_id) AS users
FROM audience_in
GROUP BY room_id, kol_id, role, minute;

-- Every order, cancellation and refund, once: the first acceptance wins
-- (version = 2^63 - 1 - kafka_offset). Never partitioned, or a copy could hide elsewhere.
CREATE TABLE IF NOT EXISTS ledger (
    kind            String,
    id              String,
    order_id        String,
    room_id         String,
    kol_id          String,
    user_id         String,
    currency        String,
    promo           String,
    attribution     String,
    amount_minor    Int64,
    discount_minor  Int64,
    sku_orders      UInt64,
    units           UInt64,
    occurred_at     DateTime('UTC'),
    occurred_at_ms  UInt64,
    fingerprint     UInt64,
    kafka_topic     String,
    kafka_partition UInt32,
    kafka_offset    UInt64,
    version         UInt64
) ENGINE = ReplacingMergeTree(version)
ORDER BY (kind, id);

-- What the host did: start, end, products, markers.
CREATE TABLE IF NOT EXISTS room_event (
    room_id         String,
    occurred_at_ms  UInt64,
    event_id        String,
    type            String,
    kol_id          String,
    brand           String,
    title           String,
    currency        String,
    product_id      String,
    price_minor     Int64,
    coupon_id       String,
    kafka_topic     String,
    kafka_partition UInt32,
    kafka_offset    UInt64,
    version         UInt64
) ENGINE = ReplacingMergeTree(version)
ORDER BY (room_id, occurred_at_ms, event_id);

-- Records that could not be read; value and key are base64.
CREATE TABLE IF NOT EXISTS dead_letter (
    kafka_topic     String,
    kafka_partition UInt32,
    kafka_offset    UInt64,
    appended_at_ms  UInt64,
    reason          String,
    detail          String,
    key             String,
    value           String
) ENGINE = ReplacingMergeTree()
ORDER BY (kafka_topic, kafka_partition, kafka_offset);

-- Where each partition stands. An older owner's row has a smaller next_offset and loses.
CREATE TABLE IF NOT EXISTS checkpoint (
    kafka_topic     String,
    kafka_partition UInt32,
    next_offset     UInt64,
    watermark_ms    UInt64,
    consumed        UInt64,
    folded          UInt64,
    duplicates      UInt64,
    dead_lettered   UInt64,
    late            UInt64,
    gap             UInt64,
    state           String
) ENGINE = ReplacingMergeTree(next_offset)
ORDER BY (kafka_topic, kafka_partition);

-- The leaderboard agent's ranks over time; span is 5m, 1h, show or today.
CREATE TABLE IF NOT EXISTS kol_rank (
    span          String,
    ranked_by     String,
    currency      String,
    at            DateTime('UTC'),
    kol_id        String,
    rank          UInt32,
    previous_rank UInt32,
    orders        UInt64,
    views         UInt64,
    gmv_minor     Int64,
    net_gmv_minor Int64
) ENGINE = ReplacingMergeTree()
PARTITION BY toYYYYMM(at)
ORDER BY (span, ranked_by, currency, at, kol_id);
