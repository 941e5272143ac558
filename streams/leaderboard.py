"""KOL leaderboards: absolute parts of many partitions merged into ranks.

Parts are idempotent and may come in any order (:mod:`streams.parts`), so the leaderboard can be
rebuilt at any time from the rows in the store. No Python object is made per part: ten thousand rooms
change as many parts in every second.

Sales belong to the KOL of the order, views to the KOL who hosts the room.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from streams.columnar.merging import PartMemory
from streams.columns import Ints
from streams.parts import SOURCES, Parts
from streams.sums import SpanSums

#: Span name → its length in seconds of event time; ``None`` where it is not a length.
SPANS: Final[dict[str, int | None]] = {"5m": 300, "1h": 3_600, "show": None, "today": None}
RANKED_BY: Final = ("net_gmv", "orders", "order_rate")

#: Parts that are this much older than the newest window are no longer told apart.
_KEEP_SECONDS: Final = 2 * 3_600
#: Arrows compare with the ranks of one to two minutes of event time ago.
_COMPARE_SECONDS: Final = 60
_DAY: Final = 86_400
_NOBODY: Final = -1

#: (span, ranked by, currency) → ranks by line; 0 where one has none.
_Boards = dict[tuple[str, str, str], Ints]


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
        #: Of texts: rooms, KOLs, currencies, and what tells parts apart.
        self._codes: dict[str, int] = {}
        self._lines = _Lines()
        #: Room's code → the line of its host.
        self._hosts: Ints = np.zeros(0, dtype=np.int64)
        self._memories: dict[tuple[str, int], PartMemory] = {}
        self._newest: dict[tuple[str, int], int] = {}
        #: Before which window the parts of a partition that came in time are forgotten.
        self._final: dict[tuple[str, int], int] = {}
        #: Sales by line, views by room's code.
        self._sums = {kind: SpanSums(len(each.values), SPANS) for kind, each in SOURCES.items()}
        self._compared: _Boards = {}
        self._kept: _Boards = {}
        self._kept_at = 0

    # --- taking in ---------------------------------------------------------------------------

    def host(self, room_id: str, kol_id: str, currency: str) -> None:
        """Learn who hosts a room, and in which currency its views are shown."""
        room = _number(self._codes, room_id)
        if room >= len(self._hosts):
            more = np.full(max(64, 2 * room) - len(self._hosts), _NOBODY, dtype=np.int64)
            self._hosts = np.concatenate((self._hosts, more))
        self._hosts[room] = self._lines.number(kol_id, currency)

    def update(self, parts: Parts) -> None:
        """Take parts in."""
        origin = (parts.kind, parts.partition)
        # Older than what is told apart: it may have been counted already. The view in the store has
        # it; a live rank can do without. And what was final was counted before it was forgotten.
        is_told_apart = parts.windows >= self.now - _KEEP_SECONDS
        is_open = (parts.late_slices > 0) | (parts.windows >= self._final.get(origin, 0))
        if not (wanted := is_told_apart & is_open).all():
            parts = parts.select(np.flatnonzero(wanted))
        if len(parts):
            self.load(parts)
            # Not of what is loaded: a flush may have been cut short, and is then sent again.
            newest = int(parts.windows.max())
            self._newest[origin] = max(newest, self._newest.get(origin, 0))

    def load(self, parts: Parts) -> None:
        """Take parts in from the store, however old; before anything was forgotten."""
        memory = self._memories.setdefault(
            (parts.kind, parts.partition), PartMemory(len(parts.values))
        )
        places = [_number(self._codes, name) for name in parts.names]
        codes = np.array(places, dtype=np.int64)[parts.texts]
        gained = memory.gain(codes, parts.late_slices, parts.windows, parts.versions, parts.values)
        subjects = self._lines_of(parts) if parts.kind == "sales" else codes[0]
        self._sums[parts.kind].add(subjects, parts.windows, gained)
        self.now = max(self.now, int(parts.windows.max()))
        since = {span: self._since(span) for span in SPANS}
        for sums in self._sums.values():
            sums.go_on(since)

    def _lines_of(self, parts: Parts) -> Ints:
        kols, currencies = parts.texts[:2]
        pairs, places = np.unique(kols * len(parts.names) + currencies, return_inverse=True)
        named = [divmod(pair, len(parts.names)) for pair in pairs.tolist()]
        lines = [
            self._lines.number(parts.names[kol], parts.names[currency]) for kol, currency in named
        ]
        return np.array(lines, dtype=np.int64)[places]

    def _since(self, span: str) -> int:
        seconds = SPANS[span]
        if seconds is not None:
            return self.now - seconds
        return self.now - self.now % _DAY if span == "today" else 0

    def forget_settled(self) -> None:
        """Drop what tells old parts apart; their sums stay, one per day. Bounds the memory.

        The start of their day is before the horizon too: no span tells the two apart.
        """
        for origin, newest in self._newest.items():
            self._final[origin] = newest - self._open_seconds
        horizon = self.now - _KEEP_SECONDS
        for origin, memory in self._memories.items():
            memory.forget(max(horizon, self._final.get(origin, 0)), horizon)
        for sums in self._sums.values():
            sums.settle(self.now)

    # --- ranking -----------------------------------------------------------------------------

    def ranks(self, top: int | None = None) -> list[Ranked]:
        """All leaderboards at the newest window, and from which rank each KOL came.

        Args:
            top: so many lines of each at most.
        """
        is_due = self.now - self._kept_at >= _COMPARE_SECONDS
        if is_due:
            self._compared, self._kept, self._kept_at = self._kept, {}, self.now
        ranked: list[Ranked] = []
        for span in SPANS:
            figures = self._figures(span)
            is_there = (figures.orders != 0) | (figures.net_gmv != figures.gmv)
            for ranked_by in RANKED_BY:
                for currency, lines in self._lines.by_currency().items():
                    board = (span, ranked_by, currency)
                    standing = figures.ranked(ranked_by, lines[is_there[lines]])
                    if is_due:
                        self._kept[board] = _ranks_by_line(standing, len(self._lines))
                    ranked += self._shown(board, standing[:top], figures)
        return ranked

    def _shown(
        self, board: tuple[str, str, str], standing: Ints, figures: _Figures
    ) -> Iterator[Ranked]:
        before = self._compared.get(board, np.zeros(0, dtype=np.int64))
        for rank, line in enumerate(standing.tolist(), 1):
            yield Ranked(
                *board,
                kol_id=self._lines.names[line][0],
                rank=rank,
                previous_rank=int(before[line]) if line < len(before) else 0,
                orders=int(figures.orders[line]),
                views=int(figures.views[line]),
                gmv_minor=int(figures.gmv[line]),
                net_gmv_minor=int(figures.net_gmv[line]),
            )

    def _figures(self, span: str) -> _Figures:
        n = len(self._lines)
        orders, gmv, refund = self._sums["sales"].total(span, n)
        (by_room,) = self._sums["views"].total(span, len(self._hosts))
        is_hosted = self._hosts != _NOBODY
        views: Ints = np.zeros(n, dtype=np.int64)
        np.add.at(views, self._hosts[is_hosted], by_room[is_hosted])
        return _Figures(orders, views, gmv, gmv - refund)


class _Lines:
    """The lines of all leaderboards: a KOL in a currency each, by number."""

    def __init__(self) -> None:
        self.names: list[tuple[str, str]] = []
        self._numbers: dict[tuple[str, str], int] = {}
        self._sorted: dict[str, Ints] = {}

    def __len__(self) -> int:
        return len(self.names)

    def number(self, kol_id: str, currency: str) -> int:
        """The number of a line, a new one at its first mention."""
        name = (kol_id, currency)
        number = self._numbers.setdefault(name, len(self.names))
        if number == len(self.names):
            self.names.append(name)
        return number

    def by_currency(self) -> dict[str, Ints]:
        """Currencies in order, and the lines of each in the order of the KOLs' ids."""
        if sum(map(len, self._sorted.values())) < len(self.names):
            found: dict[str, list[int]] = {}
            for line in sorted(range(len(self.names)), key=self.names.__getitem__):
                found.setdefault(self.names[line][1], []).append(line)
            self._sorted = {
                currency: np.array(found[currency], dtype=np.int64) for currency in sorted(found)
            }
        return self._sorted


class _Figures(NamedTuple):
    """What lines come to over a span, ``int64`` by line."""

    orders: Ints
    views: Ints
    gmv: Ints
    net_gmv: Ints

    def ranked(self, ranked_by: str, lines: Ints) -> Ints:
        """Highest first; ties go to more orders (or net GMV), then stay in the order given."""
        orders, net = self.orders[lines], self.net_gmv[lines]
        keys: tuple[Any, Any]
        match ranked_by:
            case "net_gmv":
                keys = (-orders, -net)
            case "orders":
                keys = (-net, -orders)
            case _:
                # Orders per view. A ratio only orders lines here; no figure is made of it.
                views = self.views[lines]
                rate = np.divide(orders, views, out=np.zeros(len(lines)), where=views != 0)
                keys = (-orders, -rate)
        return lines[np.lexsort(keys)]


def _ranks_by_line(standing: Ints, lines: int) -> Ints:
    ranks: Ints = np.zeros(lines, dtype=np.int64)
    ranks[standing] = np.arange(1, len(standing) + 1)
    return ranks


def _number(numbers: dict[str, int], name: str) -> int:
    return numbers.setdefault(name, len(numbers))
