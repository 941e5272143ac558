"""The leaderboard agent: KOL totals of all partitions merged into ranks.

Every worker publishes the absolute parts that a flush changed; the one worker that owns the
single partition of the totals topic merges them. Parts are idempotent, so the agent needs no
checkpoint: when it gets the partition it loads the parts the store holds, and goes on from there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import orjson

from agents.sink import Sink
from schemas.rows import COLUMNS
from streams.columns import Block
from streams.fold import Row, Taken
from streams.leaderboard import Leaderboard, Part, Ranked
from streams.windows import WindowPolicy

logger = logging.getLogger(__name__)

_SALES: Final = {name: i for i, name in enumerate(COLUMNS["sales_window"])}
_ACTIVITY: Final = {name: i for i, name in enumerate(COLUMNS["activity_window"])}
_ROOM: Final = {name: i for i, name in enumerate(COLUMNS["room_event"])}

#: A leaderboard is written for this many KOLs at most, per span, order and currency.
_TOP: Final = 100


def _sales_part(row: Sequence[Any]) -> Part:
    def at(name: str) -> Any:
        return row[_SALES[name]]

    key = "/".join(
        str(at(name))
        for name in ("kafka_partition", "room_id", "promo", "attribution", "late_slice")
    )
    return Part(
        kind="sales",
        subject=at("kol_id"),
        currency=at("currency"),
        window=int(at("window_start")),
        key=key,
        version=at("version"),
        values=(at("orders"), at("gmv_minor"), at("refund_minor")),
    )


def _views_part(row: Sequence[Any]) -> Part:
    def at(name: str) -> Any:
        return row[_ACTIVITY[name]]

    return Part(
        kind="views",
        subject=at("room_id"),
        currency="",
        window=int(at("window_start")),
        key=f"{at('kafka_partition')}/{at('source')}/{at('mode')}/{at('late_slice')}",
        version=at("version"),
        values=(at("views"),),
    )


def _with_views(rows: Sequence[Row] | Block) -> Iterable[Row]:
    at = _ACTIVITY["views"]
    if isinstance(rows, Block):
        return rows.select(np.flatnonzero(np.asarray(rows.columns[at])))
    return (row for row in rows if row[at])


def _hosts(rows: Iterable[Row]) -> list[tuple[str, str, str]]:
    return [
        (str(row[_ROOM["room_id"]]), str(row[_ROOM["kol_id"]]), str(row[_ROOM["currency"]]))
        for row in rows
        if row[_ROOM["type"]] == "room_started"
    ]


def totals_message(taken: Taken) -> bytes | None:
    """What one partition's flush tells the leaderboard; ``None`` where it changed nothing there."""
    parts = [_sales_part(row) for row in taken.rows.get("sales_window", ())]
    parts += map(_views_part, _with_views(taken.rows.get("activity_window", ())))
    hosts = _hosts(taken.rows.get("room_event", ()))
    if not parts and not hosts:
        return None
    return orjson.dumps({"parts": [tuple(part) for part in parts], "hosts": hosts})


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
            for room_id, kol_id, currency in message["hosts"]:
                board.host(room_id, kol_id, currency)
            for fields in message["parts"]:
                *name, values = fields
                board.update(Part._make((*name, tuple(values))))
            self._changed = True

    async def _load(self) -> Leaderboard:
        board = Leaderboard(self._open_seconds)
        for row in await self._sink.query("SELECT room_id, kol_id, currency FROM room"):
            board.host(row["room_id"], row["kol_id"], row["currency"])
        for table, columns, part_of in (
            ("sales_window", _SALES, _sales_part),
            ("activity_window", _ACTIVITY, _views_part),
        ):
            names = ", ".join(
                f"toUInt32({name}) AS {name}" if name == "window_start" else name
                for name in columns
            )
            # Names of our own tables and columns, no values.
            sql = f"SELECT {names} FROM (SELECT * FROM {table} FINAL)"  # noqa: S608
            for row in await self._sink.query(sql):
                part = part_of([row[name] for name in columns])
                if part.kind == "sales" or part.values[0]:
                    board.load(part)
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
        for line in board.ranks():
            if line.rank <= _TOP:
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
