"""The leaderboard agent: KOL totals of all partitions merged into ranks.

Every worker publishes the absolute parts that a flush changed; the one worker that owns the
single partition of the totals topic merges them. Parts are idempotent, so the agent needs no
checkpoint: when it gets the partition it loads the parts the store holds, and goes on from there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, Iterable, Iterator, Mapping
from typing import Any, Final

import orjson

from agents.sink import Sink
from schemas.rows import COLUMNS
from streams.fold import Row, Taken
from streams.leaderboard import Leaderboard, Ranked
from streams.parts import SOURCES, Parts, columns_of, parts_of
from streams.windows import WindowPolicy

logger = logging.getLogger(__name__)

_ROOM: Final = {name: i for i, name in enumerate(COLUMNS["room_event"])}

#: A leaderboard is written for this many KOLs at most, per span, order and currency.
_TOP: Final = 100
#: Parts in one message, which stays well below what a broker accepts by default.
_MOST_PARTS: Final = 5_000


def totals_messages(taken: Taken) -> Iterator[bytes]:
    """What one partition's flush tells the leaderboard; nothing where it changed nothing there."""
    hosts = _hosts(taken.rows.get("room_event", ()))
    if hosts:
        yield orjson.dumps({"hosts": hosts})
    for kind, source in SOURCES.items():
        for parts in parts_of(kind, columns_of(source.table, taken.rows.get(source.table, ()))):
            for piece in parts.pieces(_MOST_PARTS):
                yield orjson.dumps({"parts": piece.plain()}, option=orjson.OPT_SERIALIZE_NUMPY)


def _hosts(rows: Iterable[Row]) -> list[tuple[str, str, str]]:
    return [
        (str(row[_ROOM["room_id"]]), str(row[_ROOM["kol_id"]]), str(row[_ROOM["currency"]]))
        for row in rows
        if row[_ROOM["type"]] == "room_started"
    ]


class LeaderboardAgent:
    """Merges totals and writes ``kol_rank`` once per interval where something changed."""

    def __init__(self, sink: Sink, policy: WindowPolicy, interval_ms: int = 1_000) -> None:
        self._sink = sink
        # A window is closed this much behind the newest one of its partition; a minute to spare.
        self._open_seconds = 60 - (policy.window_ms + policy.allowed_lateness_ms) // -1_000
        self._interval = interval_ms / 1_000
        self._board: Leaderboard | None = None
        self._changed = False
        self._written: dict[tuple[str, str, str, str], Ranked] = {}

    async def consume(self, messages: AsyncIterable[Mapping[str, Any]]) -> None:
        """The agent: take every message in, for as long as the partition is ours."""
        async for message in messages:
            board = self._board or await self._load()
            for host in message.get("hosts", ()):
                board.host(*host)
            parts = message.get("parts")
            # Versions before this one sent a list; what it says was loaded from the store.
            if isinstance(parts, Mapping):
                board.update(Parts.of_plain(parts))
            self._changed = True

    async def _load(self) -> Leaderboard:
        board = Leaderboard(self._open_seconds)
        for row in await self._sink.query("SELECT room_id, kol_id, currency FROM room"):
            board.host(row["room_id"], row["kol_id"], row["currency"])
        for kind, source in SOURCES.items():
            names = ", ".join(
                f"toUInt32({name}) AS {name}" if name == "window_start" else name
                for name in source.columns
            )
            # Names of our own tables and columns, no values.
            sql = f"SELECT {names} FROM (SELECT * FROM {source.table} FINAL)"  # noqa: S608
            rows = await self._sink.query(sql)
            columns = {name: [row[name] for row in rows] for name in source.columns if rows}
            for parts in parts_of(kind, columns):
                board.load(parts)
        self._board = board
        return board

    def forget(self) -> None:
        """Let go of the board: the partition belongs to another worker."""
        self._board = None
        self._written = {}

    async def run(self) -> None:
        """Write the ranks that changed, once per interval, until cancelled."""
        while True:
            await asyncio.sleep(self._interval)
            await self.write()

    async def write(self) -> None:
        """Write the leaderboards in which anything changed since the last call."""
        board = self._board
        if board is None or not self._changed:
            return
        self._changed = False
        changed = list(self._changed_lines(board))
        await self._sink.insert_rows("kol_rank", [_rank_row(line, board.now) for line in changed])
        board.forget_settled()

    def _changed_lines(self, board: Leaderboard) -> Iterator[Ranked]:
        """Whole boards in which a line changed, so that the newest ``at`` is always complete."""
        boards: dict[tuple[str, str, str], list[Ranked]] = {}
        for line in board.ranks(_TOP):
            boards.setdefault((line.span, line.ranked_by, line.currency), []).append(line)
        for name, lines in boards.items():
            keys = {(*name, line.kol_id): line for line in lines}
            if any(self._written.get(key) != line for key, line in keys.items()):
                self._written.update(keys)
                yield from lines


def _rank_row(line: Ranked, now: int) -> Row:
    return (
        line.span,
        line.ranked_by,
        line.currency,
        now,
        line.kol_id,
        line.rank,
        line.previous_rank,
        line.orders,
        line.views,
        line.gmv_minor,
        line.net_gmv_minor,
    )
