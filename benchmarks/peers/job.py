"""The job that everybody gets: which events there are, and what must come of them.

From the topics with clicks, likes and purchases: decode, count each order once however often it
comes, and keep per room, product and 10 seconds of event time the GMV, orders, units, likes and
clicks. Likes are for a room: their product is ``""``. An order counts once for each product in it.

The events are those of a show, as the producers send them: shuffled, some late, 1 % of the orders
twice. Copies of clicks and likes, unreadable records and other types are left out, for the job says
nothing about them, and systems would rightly differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, NamedTuple

import orjson

from benchmarks.load import LoadSpec
from benchmarks.peers.programs.job import WINDOW_MS
from liveshop.console import meter
from producers.generator import Show
from producers.profile_files import load_profile
from producers.record import Kind
from schemas.errors import UsageError
from schemas.topics import LIKES, PURCHASES, TRAFFIC

TOPICS: Final = (TRAFFIC.name, LIKES.name, PURCHASES.name)
_TYPES: Final = frozenset({"product_clicked", "likes_sent", "order_paid"})

#: So many records come from the generator; a longer backlog is the same show over and over, each
#: time with new ids and later times. Publishing is faster than generating.
_DISTINCT: Final = 250_000
_REPORT_EVERY: Final = 10_000

#: room, product, start of the window in epoch milliseconds.
Key = tuple[str, str, int]


class Figures(NamedTuple):
    """What a window of one room and product holds; money in minor units."""

    gmv_minor: int = 0
    orders: int = 0
    units: int = 0
    likes: int = 0
    clicks: int = 0

    @property
    def counted(self) -> int:
        """A measure of progress that never falls: every event adds to it."""
        return self.orders + self.likes + self.clicks


Windows = Mapping[Key, Figures]


class Record(NamedTuple):
    """One record to publish, and what it adds to the truth."""

    topic: str
    key: bytes
    value: bytes
    adds: list[tuple[Key, Figures]]


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A record whose ids and time change with each repetition of the show."""

    topic: str
    key: bytes
    head: bytes
    tail: bytes
    occurred_at_ms: int
    adds: list[tuple[str, str, Figures]]

    @classmethod
    def of(cls, topic: str, key: bytes, event: Mapping[str, Any], *, copy: bool) -> _Pattern:
        ids = {name: f"{event[name]}-%N" for name in ("event_id", "order_id") if name in event}
        head, tail = orjson.dumps({**event, **ids, "occurred_at_ms": 0}).split(
            b'"occurred_at_ms":0,'
        )
        adds = [] if copy else list(_adds(event))
        return cls(topic, key, head, tail, event["occurred_at_ms"], adds)

    def record(self, repetition: int, shift_ms: int) -> Record:
        at_ms, number = self.occurred_at_ms + shift_ms, b"-%d" % repetition
        start_ms = at_ms - at_ms % WINDOW_MS
        value = b'%b"occurred_at_ms":%d,%b' % (
            self.head.replace(b"-%N", number),
            at_ms,
            self.tail.replace(b"-%N", number),
        )
        adds = [((room, product, start_ms), figures) for room, product, figures in self.adds]
        return Record(self.topic, self.key, value, adds)


def records(spec: LoadSpec) -> Iterator[Record]:
    """The backlog, in the order in which it is sent.

    Raises:
        UsageError: there is no such profile, or its show has too few records.
    """
    patterns = _patterns(spec)
    first_ms = min(pattern.occurred_at_ms for pattern in patterns)
    span_ms = max(pattern.occurred_at_ms for pattern in patterns) - first_ms
    shift_ms = (span_ms // WINDOW_MS + 1) * WINDOW_MS
    every = (
        pattern.record(repetition, repetition * shift_ms)
        for repetition in range(-(-spec.records // len(patterns)))
        for pattern in patterns
    )
    return islice(every, spec.records)


def _patterns(spec: LoadSpec) -> list[_Pattern]:
    wanted = min(spec.records, _DISTINCT)
    found: list[_Pattern] = []
    show = Show(load_profile(spec.profile), seed=spec.seed, scale=spec.scale)
    with meter("making records", wanted, counts=True) as bar:
        for record in show.records():
            event, copy = record.event, record.kind is Kind.DUPLICATE
            if event is None or event["type"] not in _TYPES:
                continue
            if copy and record.topic != PURCHASES.name:
                continue
            found.append(_Pattern.of(record.topic, record.key, event, copy=copy))
            if len(found) == wanted:
                return found
            if not len(found) % _REPORT_EVERY:
                bar.to(len(found))
    raise UsageError(
        f"The show {spec.profile} has only {len(found):,} clicks, likes and orders.",
        "Ask for fewer with --records, or for a larger crowd with --scale.",
    )


def _adds(event: Mapping[str, Any]) -> Iterator[tuple[str, str, Figures]]:
    """What an event adds, as (room, product, figures)."""
    room = event["room_id"]
    if event["type"] == "product_clicked":
        yield room, event["product_id"], Figures(clicks=1)
    elif event["type"] == "likes_sent":
        yield room, "", Figures(likes=event["count"])
    else:
        lines = event["lines"]
        for product in {line["product_id"] for line in lines}:
            of_product = [line for line in lines if line["product_id"] == product]
            yield (
                room,
                product,
                Figures(
                    gmv_minor=sum(line["paid_minor"] for line in of_product),
                    orders=1,
                    units=sum(line["quantity"] for line in of_product),
                ),
            )


class TruthBook:
    """Adds up what was sent."""

    def __init__(self) -> None:
        self._windows: dict[Key, list[int]] = {}
        self.bytes = 0

    def add(self, record: Record) -> None:
        """Count one record that is sent."""
        self.bytes += len(record.value)
        for key, figures in record.adds:
            sums = self._windows.get(key)
            if sums is None:
                self._windows[key] = list(figures)
            else:
                for place, value in enumerate(figures):
                    sums[place] += value

    def windows(self) -> dict[Key, Figures]:
        """A copy of the sums so far."""
        return {key: Figures(*sums) for key, sums in self._windows.items()}


def added_up(rows: Iterable[tuple[str, str, int, int, int, int, int, int]]) -> Windows:
    """Rows as they come from a sink; those of one window are parts of it."""
    windows: dict[Key, Figures] = {}
    for room, product, start_ms, *figures in rows:
        key = (room, product, start_ms)
        known = windows.get(key, Figures())
        windows[key] = Figures(*(a + b for a, b in zip(known, figures, strict=True)))
    return windows


def total(windows: Windows) -> Figures:
    """The sum over all rooms, products and windows."""
    return Figures(*(sum(column) for column in zip(*windows.values(), strict=True)))


def differences(found: Windows, truth: Windows) -> str:
    """What is wrong, in a sentence without a full stop; empty if every window is as it must be."""
    wrong = [key for key in found.keys() | truth.keys() if found.get(key) != truth.get(key)]
    if not wrong:
        return ""
    ours, theirs = total(found or {("", "", 0): Figures()}), total(truth)
    sums = ", ".join(
        f"{name} {ours[place]:,} of {theirs[place]:,}"
        for place, name in enumerate(Figures._fields)
        if ours[place] != theirs[place]
    )
    return f"{len(wrong):,} of {len(truth):,} windows differ" + (
        f": {sums}" if sums else ", and the differences cancel out"
    )
