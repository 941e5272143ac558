"""How far the figures can be trusted right now, in one word and one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from schemas.money import format_minor

Level = Literal["waiting", "exact", "checking", "behind", "difference"]

#: Appended records become readable within this many milliseconds while a worker keeps up. Flushes
#: come every second, so that three of them must fail before the page says "behind".
KEEPING_UP_MS: Final = 3_000


@dataclass(frozen=True)
class Trust:
    """What the worker in this process knows about its own progress.

    Attributes:
        lag_records: records in Kafka that are not folded and stored yet.
        latency_p50_ms: median from the broker's append to being readable; None before the first.
        latency_p99_ms: likewise, 99th percentile.
        last_flush_age_ms: time since the last flush ended; None before the first.
        assigned_partitions: how many partitions this worker folds.
    """

    lag_records: int
    latency_p50_ms: int | None
    latency_p99_ms: int | None
    last_flush_age_ms: int | None
    assigned_partitions: int


@dataclass(frozen=True)
class Accounts:
    """Where the consumed records went: sums over the partitions of the view ``pipeline``.

    Attributes:
        partitions: how many partitions have a checkpoint.
        watermark_ms: the newest event-time watermark; 0 when nothing was folded yet.
        gap: records that retention deleted before they were read.
        unaccounted: partitions' consumed - folded - duplicates - dead-lettered, as magnitudes.
    """

    partitions: int
    watermark_ms: int
    consumed: int
    duplicates: int
    dead_lettered: int
    late: int
    gap: int
    unaccounted: int


@dataclass(frozen=True)
class Difference:
    """One room, minute and currency in which the windows and the ledger disagree.

    Every number is windows - ledger.
    """

    room_id: str
    minute_s: int
    currency: str
    orders: int
    gmv_minor: int
    refund_minor: int


@dataclass(frozen=True)
class Verdict:
    """The trust line: a level (a colour on the page) and the sentence beside it."""

    level: Level
    sentence: str


def judge(
    trust: Trust,
    accounts: Accounts,
    differences: Sequence[Difference],
    unsettled: Sequence[Difference],
) -> Verdict:
    """Say how far the figures can be trusted; the worst finding decides.

    Args:
        trust: the worker's own progress.
        accounts: what became of the records.
        differences: confirmed differences between windows and ledger.
        unsettled: differences that may only be a flush under way.
    """
    if accounts.unaccounted:
        return Verdict("difference", f"{_records(accounts.unaccounted)} unaccounted for")
    if differences:
        return Verdict("difference", _difference(differences))
    if accounts.gap:
        return Verdict(
            "difference", f"{_records(accounts.gap)} lost: deleted by Kafka before they were read"
        )
    if not accounts.consumed and not trust.lag_records:
        return Verdict("waiting", "waiting for the first record")
    if not trust.assigned_partitions:
        return Verdict("behind", "this worker has no partitions: figures as of its last flush")
    if _is_behind(trust):
        return Verdict("behind", f"catching up: {_records(trust.lag_records)} to go")
    if unsettled:
        return Verdict("checking", "comparing windows with the ledger")
    return Verdict("exact", "exact: 0 unaccounted, windows = ledger")


def _is_behind(trust: Trust) -> bool:
    """Tell a lag that grows old from the records of the flush under way."""
    if not trust.lag_records:
        return False
    ages_ms = (trust.latency_p50_ms, trust.last_flush_age_ms)
    return any(age_ms is None or age_ms > KEEPING_UP_MS for age_ms in ages_ms)


def _records(count: int) -> str:
    return f"{count:,} record{'' if count == 1 else 's'}"


def _difference(differences: Sequence[Difference]) -> str:
    worst = max(differences, key=lambda d: (abs(d.gmv_minor), abs(d.refund_minor), abs(d.orders)))
    places = "1 minute" if len(differences) == 1 else f"{len(differences):,} minutes"
    return (
        f"windows and ledger differ in {places}; largest: "
        f"{worst.orders:+,} orders, GMV {format_minor(worst.gmv_minor, worst.currency)} "
        f"{worst.currency}, refunds {format_minor(worst.refund_minor, worst.currency)} "
        f"{worst.currency}"
    )
