"""Records made beforehand, so that making them is no part of any figure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final

import msgspec

from liveshop.console import meter
from liveshop.reconcile import Reconciliation
from producers.generator import Show
from producers.profile_files import load_profile
from producers.record import OutRecord
from producers.recount import Counter
from schemas.errors import LiveshopError, UsageError
from schemas.topics import ROOMS
from schemas.truth import Truth

_REPORT_EVERY: Final = 10_000
#: Facts of rooms are few, and are no load of their own.
_FACTS: Final = ROOMS.name.rpartition(".")[2]


class WrongTotals(LiveshopError):
    """A figure is not what it must be: the time that it took says nothing."""


@dataclass(frozen=True, slots=True)
class LoadSpec:
    """Which records: the same specification gives the same bytes.

    Attributes:
        profile: name or file.
        seed: of its random numbers.
        scale: factor on its crowd; the higher, the more events fall into one window.
        records: how many, from the start of the show.
    """

    profile: str
    seed: int
    scale: float
    records: int


@dataclass(frozen=True, slots=True)
class Load:
    """Records in the order in which they are sent, and what their totals must be.

    Attributes:
        records: without the decoded events, which nobody needs any more.
        truth: counted by the producers, from what they intended to send.
    """

    records: list[OutRecord]
    truth: Truth

    @property
    def bytes(self) -> int:
        """Size of all values."""
        return sum(len(record.value) for record in self.records)


def prepare(spec: LoadSpec, least: int = 0) -> dict[str, Load]:
    """Make a load: ``"mixed"``, and each of its topics on its own. About 130,000 records/s.

    Args:
        spec: which records.
        least: the rarer topics, on their own, go on with the show until they have so many records,
            or it ends.

    Raises:
        UsageError: there is no such profile, or the show has fewer records.
    """
    show = Show(load_profile(spec.profile), seed=spec.seed, scale=spec.scale)
    stream = show.records()
    builders: defaultdict[str, _Builder] = defaultdict(_Builder)
    with meter("making records", spec.records, counts=True) as bar:
        for done, record in enumerate(islice(stream, spec.records), 1):
            for name in ("mixed", _name(record)):
                builders[name].add(record)
            if not done % _REPORT_EVERY:
                bar.to(done)
    if len(builders["mixed"].records) < spec.records:
        raise UsageError(
            f"The show {spec.profile} has only {len(builders['mixed'].records):,} records.",
            "Ask for fewer with --records, or for a larger crowd with --scale.",
        )
    rare = {name for name, builder in builders.items() if len(builder.records) < least}
    rare.discard(_FACTS)
    with meter("making more of the rarer topics", None):
        while rare and (more := next(stream, None)) is not None:
            name = _name(more)
            if name in rare:
                builders[name].add(more)
                if len(builders[name].records) == least:
                    rare.remove(name)
    return {name: builder.load(show) for name, builder in builders.items()}


def _name(record: OutRecord) -> str:
    return record.topic.rpartition(".")[2]


class _Builder:
    def __init__(self) -> None:
        self.records: list[OutRecord] = []
        self._counter = Counter()

    def add(self, record: OutRecord) -> None:
        self._counter.count(record)
        self.records.append(msgspec.structs.replace(record, event=None))

    def load(self, show: Show) -> Load:
        truth = self._counter.book.truth(
            source=show.name,
            seed=show.seed,
            scale=show.scale,
            start_ms=show.start_ms,
            end_ms=max((record.due_ms for record in self.records), default=show.start_ms),
        )
        return Load(self.records, truth)


def checks_of(result: Reconciliation, truth: Truth) -> dict[str, int]:
    """What was compared with the truth.

    Raises:
        WrongTotals: a figure in the store is not the truth's.
    """
    accounts, sent = result.accounts, truth.sent
    if not result.is_exact or accounts["consumed"] != sent.records:
        first = result.differences[0] if result.differences else accounts
        raise WrongTotals(f"{result.line()}; the first difference is {first}")
    return {
        "consumed": sent.records,
        "folded": sent.events,
        "dead_lettered": sent.unreadable,
        "orders": sum(money.orders for money in truth.total.values()),
        "figures_compared": result.compared,
    }


def values_of(records: Iterable[OutRecord]) -> list[bytes]:
    """The bytes alone."""
    return [record.value for record in records]
