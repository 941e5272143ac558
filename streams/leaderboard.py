"""KOL leaderboards: absolute parts of many partitions merged into ranks.

A part is the absolute value of one (partition, window, dimensions) with a version. Taking a part
twice, or an older one after a newer one, changes nothing; the order of arrival does not matter.
So the leaderboard can be rebuilt at any time from the rows in the store.

Sales belong to the KOL of the order, views to the KOL who hosts the room.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

#: Span name → its length in seconds of event time; ``None`` where it is not a length.
SPANS: Final[dict[str, int | None]] = {"5m": 300, "1h": 3_600, "show": None, "today": None}
RANKED_BY: Final = ("net_gmv", "orders", "order_rate")

#: Parts that are this much older than the newest window are no longer told apart.
_KEEP_SECONDS: Final = 2 * 3_600
#: Arrows compare with the ranks of one to two minutes of event time ago.
_COMPARE_SECONDS: Final = 60
_DAY: Final = 86_400


#: Kind, subject, currency, key of a part.
_Name = tuple[str, str, str, str]
#: (span, ranked by, currency) → KOL → rank.
_Boards = dict[tuple[str, str, str], dict[str, int]]


class Part(NamedTuple):
    """One absolute part. For sales ``subject`` is a KOL, for views a room.

    ``key`` tells parts of the same subject and window apart, with slashes between: first the
    partition, then other dimensions, and the late slice last, ``0`` for what came in time.
    """

    kind: str
    subject: str
    currency: str
    window: int
    key: str
    version: int
    values: tuple[int, ...]

    @property
    def origin(self) -> tuple[str, str]:
        """The partition that it is a part of."""
        return self.kind, self.key.partition("/")[0]


@dataclass(slots=True)
class _Sum:
    orders: int = 0
    gmv_minor: int = 0
    refund_minor: int = 0

    def add(self, other: _Sum) -> None:
        self.orders += other.orders
        self.gmv_minor += other.gmv_minor
        self.refund_minor += other.refund_minor


@dataclass(frozen=True, slots=True)
class Ranked:
    """One line of a leaderboard.

    ``previous_rank`` is the rank of one to two minutes before, 0 for a newcomer. ``views`` is 0
    where the host of no room is known.
    """

    span: str
    ranked_by: str
    currency: str
    kol_id: str
    rank: int
    previous_rank: int
    orders: int
    views: int
    gmv_minor: int
    net_gmv_minor: int


class Leaderboard:
    """Merges parts into ranks. Pure: "now" is the newest event-time window seen.

    Args:
        open_seconds: once a partition is this much further on, a part of it that came in time is
            final: a row of its windows is never written again. What was sent again is older.
    """

    def __init__(self, open_seconds: int = _KEEP_SECONDS) -> None:
        self.now = 0
        self._open_seconds = open_seconds
        #: Window → part → its newest version and values: what more of it adds to.
        self._parts: dict[int, dict[_Name, tuple[int, tuple[int, ...]]]] = {}
        self._newest: dict[tuple[str, str], int] = {}
        #: Before which window the parts of a partition that came in time are forgotten.
        self._final: dict[tuple[str, str], int] = {}
        #: Windows that hold parts that came in time.
        self._open: set[int] = set()
        self._sales: dict[tuple[str, str], dict[int, _Sum]] = defaultdict(dict)
        self._views: dict[str, dict[int, int]] = defaultdict(dict)
        self._hosts: dict[str, tuple[str, str]] = {}
        self._compared: _Boards = {}
        self._kept: _Boards = {}
        self._kept_at = 0

    def host(self, room_id: str, kol_id: str, currency: str) -> None:
        """Learn who hosts a room, and in which currency its views are shown."""
        self._hosts[room_id] = (kol_id, currency)

    def update(self, part: Part) -> None:
        """Take one part in."""
        if part.window < self.now - _KEEP_SECONDS:
            # Older than what is told apart: it may have been counted already. The view in the
            # store has it; a live rank can do without.
            return
        if _is_in_time(part.key) and part.window < self._final.get(part.origin, 0):
            return  # Counted, in its last version, before it was forgotten.
        self._merge(part)
        # Not of what is loaded: a flush may have been cut short, and is then sent again.
        self._newest[part.origin] = max(part.window, self._newest.get(part.origin, 0))

    def load(self, part: Part) -> None:
        """Take one part in from the store, however old; before anything was forgotten."""
        self._merge(part)

    def _merge(self, part: Part) -> None:
        name = (part.kind, part.subject, part.currency, part.key)
        parts = self._parts.setdefault(part.window, {})
        version, before = parts.get(name, (-1, (0,) * len(part.values)))
        if part.version <= version:
            return
        parts[name] = (part.version, part.values)
        if _is_in_time(part.key):
            self._open.add(part.window)
        gained = [now - then for now, then in zip(part.values, before, strict=True)]
        if part.kind == "sales":
            windows = self._sales[part.subject, part.currency]
            windows.setdefault(part.window, _Sum()).add(_Sum(*gained))
        else:
            views = self._views[part.subject]
            views[part.window] = views.get(part.window, 0) + gained[0]
        self.now = max(self.now, part.window)

    def forget_settled(self) -> None:
        """Drop what tells old parts apart; their sums stay, one per day. Bounds the memory.

        The start of their day is before the horizon too: no span tells the two apart.
        """
        horizon = self.now - _KEEP_SECONDS
        for window in [window for window in self._parts if window < horizon]:
            del self._parts[window]
            self._open.discard(window)
        self._forget_final()
        for sales in self._sales.values():
            for window in _settled(sales, horizon):
                sales.setdefault(window - window % _DAY, _Sum()).add(sales.pop(window))
        for views in self._views.values():
            for window in _settled(views, horizon):
                day = window - window % _DAY
                views[day] = views.get(day, 0) + views.pop(window)

    def _forget_final(self) -> None:
        for origin, newest in self._newest.items():
            self._final[origin] = newest - self._open_seconds
        for window in list(self._open):
            parts = self._parts[window]
            in_time = [name for name in parts if _is_in_time(name[3])]
            final = [
                name
                for name in in_time
                if window < self._final.get((name[0], name[3].partition("/")[0]), 0)
            ]
            for name in final:
                del parts[name]
            if len(final) == len(in_time):
                self._open.discard(window)
            if not parts:
                del self._parts[window]

    def ranks(self) -> list[Ranked]:
        """All leaderboards at the newest window, and from which rank each KOL came."""
        is_due = self.now - self._kept_at >= _COMPARE_SECONDS
        if is_due:
            self._compared = self._kept
        ranked: list[Ranked] = []
        shown: _Boards = {}
        for span in SPANS:
            lines = self._lines(span)
            for ranked_by in RANKED_BY:
                for currency in sorted({currency for _, currency in lines}):
                    board = (span, ranked_by, currency)
                    whole = list(self._rank(*board, lines))
                    shown[board] = {line.kol_id: line.rank for line in whole}
                    ranked += whole
        if is_due:
            self._kept, self._kept_at = shown, self.now
        return ranked

    def _rank(
        self,
        span: str,
        ranked_by: str,
        currency: str,
        lines: dict[tuple[str, str], tuple[_Sum, int]],
    ) -> Iterator[Ranked]:
        before = self._compared.get((span, ranked_by, currency), {})
        entries = [
            (kol, *line) for (kol, in_currency), line in lines.items() if in_currency == currency
        ]
        entries.sort(key=lambda entry: _order(ranked_by, *entry))
        for rank, (kol, total, views) in enumerate(entries, 1):
            yield Ranked(
                span=span,
                ranked_by=ranked_by,
                currency=currency,
                kol_id=kol,
                rank=rank,
                previous_rank=before.get(kol, 0),
                orders=total.orders,
                views=views,
                gmv_minor=total.gmv_minor,
                net_gmv_minor=total.gmv_minor - total.refund_minor,
            )

    def _lines(self, span: str) -> dict[tuple[str, str], tuple[_Sum, int]]:
        since = self._since(span)
        views: dict[tuple[str, str], int] = defaultdict(int)
        for room_id, windows in self._views.items():
            host = self._hosts.get(room_id)
            if host:
                views[host] += sum(n for window, n in windows.items() if window >= since)
        lines = {}
        for who, sales in self._sales.items():
            total = _Sum()
            for window, one in sales.items():
                if window >= since:
                    total.add(one)
            if total.orders or total.refund_minor:
                lines[who] = (total, views.get(who, 0))
        return lines

    def _since(self, span: str) -> int:
        seconds = SPANS[span]
        if seconds is not None:
            return self.now - seconds
        return self.now - self.now % _DAY if span == "today" else 0


def _is_in_time(key: str) -> bool:
    return key.endswith("/0")


def _settled(windows: Iterable[int], horizon: int) -> list[int]:
    return [window for window in windows if window < horizon and window % _DAY]


def _order(ranked_by: str, kol: str, total: _Sum, views: int) -> tuple[float, int, str]:
    """Highest first; ties go to more orders, then to the smaller id."""
    net = total.gmv_minor - total.refund_minor
    if ranked_by == "net_gmv":
        return (-net, -total.orders, kol)
    if ranked_by == "orders":
        return (-total.orders, -net, kol)
    # Orders per view. A ratio only orders lines here; no figure is made of it.
    return (-(total.orders / views) if views else 0.0, -total.orders, kol)
