"""How the pipeline is doing: the panels that read Prometheus.

Only metrics of ``agents/metrics.py`` appear here; a test compares the names.
"""

from __future__ import annotations

from typing import Any

from deploy.grafana.panels import over_time, promql


def _rate(counter: str, by: str = "") -> str:
    grouped = f"sum by ({by})" if by else "sum"
    return f"{grouped} (rate({counter}[$__rate_interval]))"


def _quantiles(histogram: str, *quantiles: float) -> tuple[tuple[str, str], ...]:
    buckets = _rate(f"{histogram}_bucket", by="le")
    return tuple((f"histogram_quantile({q}, {buckets})", f"p{q * 100:g}") for q in quantiles)


def records() -> tuple[Any, ...]:
    """What happens to every record."""
    return (
        over_time(
            "Records per second by outcome",
            "Consumed = folded + duplicates + dead-lettered. Late records are folded, too.",
            promql(
                (_rate("liveshop_records_consumed_total"), "consumed"),
                (_rate("liveshop_records_folded_total"), "folded"),
                (_rate("liveshop_records_duplicate_total"), "duplicates"),
                (_rate("liveshop_records_dead_lettered_total"), "dead-lettered"),
                (_rate("liveshop_records_late_total"), "late"),
            ),
            unit="cps",
        ),
        over_time(
            "Records per second by topic",
            "Consumed.",
            promql((_rate("liveshop_records_consumed_total", by="topic"), "{{topic}}")),
            unit="cps",
        ),
        over_time(
            "Dead letters by reason",
            "Records per second that could not be read; their bytes are kept in dead_letter.",
            promql((_rate("liveshop_records_dead_lettered_total", by="reason"), "{{reason}}")),
            unit="cps",
        ),
        over_time(
            "Lag per partition",
            "Records in Kafka that are not folded and stored yet.",
            # A worker that lost a partition may still export its last value: the highest counts.
            promql(
                (
                    "max by (topic, partition) (liveshop_lag_records)",
                    "{{topic}}/{{partition}}",
                )
            ),
            unit="short",
        ),
        over_time(
            "Watermark age by topic",
            "Now minus the oldest event-time watermark. Large on a replay of an old show.",
            promql(
                (
                    "time() - min by (topic) (liveshop_watermark_timestamp_seconds)",
                    "{{topic}}",
                )
            ),
            unit="s",
        ),
        over_time(
            "Records lost to retention",
            "Deleted by Kafka before they were read, since each worker started. Always 0.",
            promql(("sum by (topic) (liveshop_records_gap_total)", "{{topic}}")),
            unit="short",
        ),
    )


def storing() -> tuple[Any, ...]:
    """From the fold to rows that can be read."""
    return (
        over_time(
            "Append to visible",
            "From the broker's append of a flush's oldest record to its rows being readable.",
            promql(*_quantiles("liveshop_append_to_visible_seconds", 0.5, 0.99)),
            unit="s",
        ),
        over_time(
            "Flush duration",
            "Inserts, checkpoint, acknowledgement.",
            promql(*_quantiles("liveshop_flush_seconds", 0.5, 0.99)),
            unit="s",
        ),
        over_time(
            "Seconds since the last flush",
            "The oldest of the workers; they flush every second while records arrive.",
            promql(("time() - min (liveshop_last_flush_timestamp_seconds)", "last flush")),
            unit="s",
        ),
        over_time(
            "Store",
            "Retries per second, and how many workers reached the store on their last call.",
            promql(
                (_rate("liveshop_store_retries_total"), "retries per second"),
                ("sum (liveshop_store_up)", "workers that reach the store"),
                ('sum (up{job="liveshop"})', "workers that answer"),
            ),
            unit="short",
        ),
        over_time(
            "Rows written per second",
            "By table.",
            promql((_rate("liveshop_flushed_rows_total", by="table"), "{{table}}")),
            unit="cps",
        ),
        over_time(
            "Orders seen by the workers, per minute",
            "The workers' own counters; ClickHouse has the figures that count.",
            promql(
                (
                    "60 * " + _rate("liveshop_orders_total", by="currency"),
                    "{{currency}}",
                )
            ),
            unit="short",
        ),
    )


def state() -> tuple[Any, ...]:
    """What the workers hold and use."""
    return (
        over_time(
            "Open windows and dedup ids",
            "Bounded by the open windows and the dedup horizon, not by the length of the show.",
            promql(
                ("sum (liveshop_open_windows)", "open windows"),
                ("sum (liveshop_dedup_ids)", "dedup ids"),
            ),
            unit="short",
        ),
        over_time(
            "Memory",
            "Resident memory per worker, and the size of its last checkpoint.",
            promql(
                ("liveshop_process_resident_memory_bytes", "resident, {{instance}}"),
                ("liveshop_checkpoint_bytes", "checkpoint, {{instance}}"),
            ),
            unit="bytes",
        ),
        over_time(
            "CPU",
            "Cores in use per worker, and the share of them spent in decode and fold, by topic.",
            promql(
                (_rate("liveshop_process_cpu_seconds_total", by="instance"), "all, {{instance}}"),
                (_rate("liveshop_fold_seconds_total", by="topic"), "fold, {{topic}}"),
            ),
            unit="short",
        ),
        over_time(
            "Records per batch",
            "As handed to an agent by the transport.",
            promql(*_quantiles("liveshop_batch_records", 0.5, 0.99)),
            unit="short",
        ),
        over_time(
            "Rebalances",
            "Times that partitions were assigned, since each worker started.",
            promql(("liveshop_rebalances_total", "{{instance}}")),
            unit="short",
        ),
        over_time(
            "Open files",
            "File descriptors per worker: sockets to Kafka and to the store.",
            promql(("liveshop_process_open_fds", "{{instance}}")),
            unit="short",
        ),
    )
