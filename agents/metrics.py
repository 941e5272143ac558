"""Every Prometheus metric of a worker: names, help texts, labels, and nothing else.

Labels are bounded: topics, reasons, tables and currencies are small closed sets; rooms, products
and people never become labels. Hot loops count locally and add once per batch or flush.

Counters describe this process since it started; the figures people stake money on are in the
store.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

#: Why a record could not be folded; the ``reason`` of a dead letter.
DEAD_LETTER_REASONS: Final = (
    "empty",
    "not_json",
    "not_an_event",
    "unknown_type",
    "unknown_version",
    "wrong_topic",
    "invalid_field",
    "sum_mismatch",
    "unknown_currency",
    "too_far_ahead",
    "wrong_key",
    "conflict",
)

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0)
_RECORDS = (1, 10, 50, 100, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)


class Metrics:
    """The metrics of one worker, in a registry of their own.

    Args:
        topics: topic names, so that every labelled counter starts at 0 instead of "no data".
        tables: table names, likewise.
    """

    def __init__(self, topics: tuple[str, ...] = (), tables: tuple[str, ...] = ()) -> None:
        self.registry: Final = CollectorRegistry()
        registry = self.registry
        # --- records -------------------------------------------------------------------------
        self.consumed = Counter(
            "liveshop_records_consumed_total",
            "Records taken from Kafka (folded + duplicates + dead-lettered).",
            ["topic"],
            registry=registry,
        )
        self.folded = Counter(
            "liveshop_records_folded_total", "Records folded.", ["topic"], registry=registry
        )
        self.duplicates = Counter(
            "liveshop_records_duplicate_total",
            "Records recognised as duplicates.",
            ["topic"],
            registry=registry,
        )
        self.late = Counter(
            "liveshop_records_late_total",
            "Folded records whose window was already closed.",
            ["topic"],
            registry=registry,
        )
        self.dead_lettered = Counter(
            "liveshop_records_dead_lettered_total",
            "Records that could not be read, by reason.",
            ["topic", "reason"],
            registry=registry,
        )
        self.gap = Counter(
            "liveshop_records_gap_total",
            "Records that retention deleted before they were read.",
            ["topic"],
            registry=registry,
        )
        # --- money ---------------------------------------------------------------------------
        self.orders = Counter(
            "liveshop_orders_total", "Orders paid.", ["currency"], registry=registry
        )
        self.gmv_minor = Counter(
            "liveshop_gmv_minor_total",
            "GMV (paid) in minor units of the currency.",
            ["currency"],
            registry=registry,
        )
        self.refund_minor = Counter(
            "liveshop_refund_minor_total",
            "Refunds in minor units of the currency.",
            ["currency"],
            registry=registry,
        )
        # --- progress ------------------------------------------------------------------------
        self.lag = Gauge(
            "liveshop_lag_records",
            "Records in Kafka that are not folded and stored yet.",
            ["topic", "partition"],
            registry=registry,
        )
        self.unflushed = Gauge(
            "liveshop_unflushed_records",
            "Records folded that are not stored yet; bounded, the worker waits for the store.",
            registry=registry,
        )
        self.watermark = Gauge(
            "liveshop_watermark_timestamp_seconds",
            "Event-time watermark (epoch seconds).",
            ["topic", "partition"],
            registry=registry,
        )
        self.append_to_visible = Histogram(
            "liveshop_append_to_visible_seconds",
            "From the broker's append of a flush's oldest record to its rows being readable.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.batch_records = Histogram(
            "liveshop_batch_records",
            "Records per batch handed to an agent.",
            buckets=_RECORDS,
            registry=registry,
        )
        self.fold_seconds = Counter(
            "liveshop_fold_seconds_total",
            "Seconds spent in decode and fold.",
            ["topic"],
            registry=registry,
        )
        self.rebalances = Counter(
            "liveshop_rebalances_total", "Times that partitions were assigned.", registry=registry
        )
        # --- store ---------------------------------------------------------------------------
        self.flush_seconds = Histogram(
            "liveshop_flush_seconds",
            "Duration of one flush: inserts, checkpoint, acknowledgement.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.flushed_rows = Counter(
            "liveshop_flushed_rows_total", "Rows inserted, by table.", ["table"], registry=registry
        )
        self.store_retries = Counter(
            "liveshop_store_retries_total",
            "Store calls that failed and were tried again.",
            registry=registry,
        )
        self.store_up = Gauge(
            "liveshop_store_up", "1 while the last store call succeeded.", registry=registry
        )
        self.last_flush = Gauge(
            "liveshop_last_flush_timestamp_seconds",
            "When the last flush ended (epoch seconds).",
            registry=registry,
        )
        # --- state ---------------------------------------------------------------------------
        self.open_windows = Gauge(
            "liveshop_open_windows", "Window rows held in memory.", registry=registry
        )
        self.dedup_ids = Gauge(
            "liveshop_dedup_ids", "Ids held for duplicate recognition.", registry=registry
        )
        self.checkpoint_bytes = Gauge(
            "liveshop_checkpoint_bytes",
            "Open windows in the last checkpoint, as stored.",
            registry=registry,
        )
        # --- process: liveshop_process_resident_memory_bytes, _cpu_seconds_total, _open_fds … ---
        ProcessCollector(namespace="liveshop", registry=registry)
        for topic in topics:
            for counter in (self.consumed, self.folded, self.duplicates, self.late, self.gap):
                counter.labels(topic)
            self.fold_seconds.labels(topic)
            for reason in DEAD_LETTER_REASONS:
                self.dead_lettered.labels(topic, reason)
        for table in tables:
            self.flushed_rows.labels(table)
