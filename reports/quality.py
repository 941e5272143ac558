"""Why the figures can be trusted, or why not: reconciliation, and what became of the records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reports.model import DeadLetters, Difference, Partition, Quality, Reconciliation
from schemas.store import Row


def reconcile(rows: Sequence[Row]) -> Reconciliation:
    """The windows against the ledger, from one row per minute and currency."""
    differences = [
        Difference(
            minute_ms=row["at"] * 1000,
            currency=row["currency"],
            orders=row["orders_difference"],
            gmv_minor=row["gmv_difference_minor"],
            refund_minor=row["refund_difference_minor"],
        )
        for row in rows
        if row["orders_difference"] or row["gmv_difference_minor"] or row["refund_difference_minor"]
    ]
    minutes = {row["at"] for row in rows}
    return Reconciliation(
        minutes=len(minutes),
        window_orders=sum(row["window_orders"] for row in rows),
        ledger_orders=sum(row["ledger_orders"] for row in rows),
        differences=differences,
        statement=_statement(len(minutes), len({d.minute_ms for d in differences})),
    )


def _statement(minutes: int, differing: int) -> str:
    noun = "minute" if minutes == 1 else "minutes"
    if not minutes:
        return "nothing to reconcile yet: no minute has a sale"
    if differing:
        return f"NOT reconciled: windows ≠ ledger in {differing:,} of {minutes:,} {noun}"
    return f"reconciled: windows = ledger, difference 0 over {minutes:,} {noun}"


def partitions(pipeline: Iterable[Row]) -> list[Partition]:
    """All partitions that the workers have read."""
    return [
        Partition(
            kafka_topic=row["kafka_topic"],
            kafka_partition=row["kafka_partition"],
            watermark_ms=row["watermark_ms"],
            consumed=row["consumed"],
            folded=row["folded"],
            duplicates=row["duplicates"],
            dead_lettered=row["dead_lettered"],
            late=row["late"],
            gap=row["gap"],
            unaccounted=row["unaccounted"],
        )
        for row in pipeline
    ]


def carrying(every: Iterable[Partition], rows: Iterable[Row]) -> list[Partition]:
    """Those that carry the room, by the rows of ``ROOM_PARTITIONS``."""
    mine = {(row["kafka_topic"], row["kafka_partition"]) for row in rows}
    return [p for p in every if (p.kafka_topic, p.kafka_partition) in mine]


def quality(mine: Sequence[Partition], dead_letters: Iterable[Row]) -> Quality:
    """What became of the records of the partitions that carry the room."""
    keys = {(p.kafka_topic, p.kafka_partition) for p in mine}
    reasons: dict[str, int] = {}
    for row in dead_letters:
        if (row["kafka_topic"], row["kafka_partition"]) in keys:
            reasons[row["reason"]] = reasons.get(row["reason"], 0) + row["records"]
    return Quality(
        consumed=sum(p.consumed for p in mine),
        folded=sum(p.folded for p in mine),
        duplicates=sum(p.duplicates for p in mine),
        dead_lettered=sum(p.dead_lettered for p in mine),
        late=sum(p.late for p in mine),
        gap=sum(p.gap for p in mine),
        unaccounted=sum(p.unaccounted for p in mine),
        partitions=list(mine),
        dead_letters=[
            DeadLetters(reason=reason, records=reasons[reason]) for reason in sorted(reasons)
        ],
    )
