"""The live page's figures: one snapshot of the store, read in a thread of its own."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from heapq import nsmallest
from typing import Final, NamedTuple, Protocol

from agents.live import queries
from agents.live.boards import Boards, percent
from agents.live.pace import Paced
from agents.live.settle import LOOKS, Settling
from agents.live.snapshot import Activity, Line, Provenance, Sales, Scope, Snapshot, State
from agents.live.trust import Accounts, Difference, Trust, judge
from schemas.store import Row, Store

#: Points of a line: the minutes of event time up to the newest one.
MINUTES: Final = 60
#: How many rooms are listed beside the total.
LISTED_ROOMS: Final = 12
#: Shares of one core that the page may take, however large the store has grown: a third for what
#: must be fresh, a tenth for each of the questions that visit every person or order.
_FRESH_SHARE: Final = 0.33
_HEAVY_SHARE: Final = 0.1
_HEAVY_EVERY_S: Final = 2.0


class FiguresSource(Protocol):
    """Where the server gets its snapshots."""

    async def snapshot(self, *, complete: bool = False) -> Snapshot:
        """Compute the figures of now. Never called twice at once.

        Args:
            complete: every figure is of now, whatever it costs; otherwise the expensive ones may
                be a few seconds old.

        Raises:
            StoreError: the store does not answer.
        """


class _Fresh(NamedTuple):
    """What is read every second; rooms are keys, and ``_ALL`` stands for their total."""

    accounts: Accounts
    first_minute_s: int
    rooms: dict[str, Row]
    listed: tuple[str, ...]
    sales: dict[str, list[Sales]]
    activity: dict[str, Row]
    lines: dict[str, dict[str, Line]]

    def is_on_air(self, room_id: str) -> bool:
        """Whether a room was not seen to end; of one that was never seen to start, assume so."""
        room = self.rooms.get(room_id)
        return room is None or not room["ended_at_ms"]

    @property
    def on_air(self) -> int:
        """How many known rooms are on air."""
        return sum(map(self.is_on_air, self.rooms))


#: No room has an empty id.
_ALL: Final = ""
_NO_ACTIVITY: Final[Row] = {"entered": 0, "online": 0, "hearts": 0, "messages": 0}
_NO_PEOPLE: Final[Row] = {"viewers": 0, "buyers": 0}


class Figures:
    """Reads snapshots from a store in one thread, which owns the reader from now on.

    Args:
        store_reader: a store of its own, used by nobody else; closed by :meth:`close`.
        trust: the worker's own progress; called in the event loop's thread.
    """

    def __init__(self, store_reader: Store, trust: Callable[[], Trust]) -> None:
        self._store = store_reader
        self._trust = trust
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="live-figures")
        self._settling = Settling()
        self._boards = Boards(store_reader)
        self._fresh = Paced(self._read_fresh, every_s=0.0, share=_FRESH_SHARE)
        self._people = Paced(self._read_people, every_s=_HEAVY_EVERY_S, share=_HEAVY_SHARE)
        self._compare = Paced(self._compare_books, every_s=_HEAVY_EVERY_S, share=_HEAVY_SHARE)

    async def snapshot(self, *, complete: bool = False) -> Snapshot:
        """Compute the figures of now, as ``FiguresSource`` says.

        Raises:
            StoreUnavailable, StoreRejected: from the store.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._read, self._trust(), complete)

    async def close(self) -> None:
        """Wait for the question under way and release the reader."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._store.close)
        self._thread.shutdown()

    def _read(self, trust: Trust, complete: bool) -> Snapshot:
        if complete:
            self._forget()
        fresh = self._fresh.get()
        people = self._people.get()
        self._compare.get()
        accounts = fresh.accounts
        confirmed = self._settling.confirmed
        total = _scope(_ALL, fresh, people, on_air=fresh.on_air > 0)
        return Snapshot(
            state=_state(fresh, trust),
            as_of_ms=accounts.watermark_ms,
            first_minute_s=fresh.first_minute_s,
            currencies=[sales.currency for sales in total.sales],
            trust=Provenance(
                verdict=judge(trust, accounts, confirmed, self._settling.unsettled),
                worker=trust,
                partitions=accounts.partitions,
                consumed=accounts.consumed,
                late=accounts.late,
                duplicates=accounts.duplicates,
                dead_lettered=accounts.dead_lettered,
                gap=accounts.gap,
                unaccounted=accounts.unaccounted,
                differences=len(confirmed),
            ),
            total=total,
            rooms=[
                _scope(room_id, fresh, people, on_air=fresh.is_on_air(room_id))
                for room_id in fresh.listed
            ],
            rooms_known=len(fresh.rooms),
            rooms_on_air=fresh.on_air,
            boards=self._boards.read(accounts.watermark_ms),
        )

    def _forget(self) -> None:
        for paced in (self._fresh, self._people, self._compare):
            paced.forget()
        for _ in range(LOOKS - 1):
            self._compare_books()

    def _read_fresh(self) -> _Fresh:
        accounts = self._read_accounts()
        rooms = {row["room_id"]: row for row in self._store.query(queries.ROOMS)}
        sold = self._store.query(queries.SALES)
        done = self._store.query(queries.ACTIVITY)
        newest_s = max((row["newest_s"] for row in (*sold, *done)), default=0)
        last_minute_s = max(newest_s, accounts.watermark_ms // 1_000) // 60 * 60
        first_minute_s = max(last_minute_s - 60 * (MINUTES - 1), 0)
        listed = _listed(rooms, sold)
        since = {"first_minute_s": first_minute_s}
        points = self._store.query(queries.LINES, since)
        if listed:
            points += self._store.query(queries.ROOM_LINES, {"rooms": listed, **since})
        fresh = _Fresh(
            accounts,
            first_minute_s,
            rooms,
            listed,
            _sales(sold),
            {},
            _lines(points, first_minute_s),
        )
        for row in done:
            gone = row["gone"] if fresh.is_on_air(row["room_id"]) else row["came"]
            # A leave may be stored a moment before its enter.
            row["online"] = max(row["came"] - gone, 0)
            fresh.activity[row["room_id"]] = row
        fresh.activity[_ALL] = _add_up(done, _NO_ACTIVITY)
        return fresh

    def _read_accounts(self) -> Accounts:
        [row] = self._store.query(queries.ACCOUNTS)
        return Accounts(
            partitions=row["partitions"],
            watermark_ms=row["newest_ms"],
            consumed=row["taken"],
            duplicates=row["repeated"],
            dead_lettered=row["unreadable"],
            late=row["too_late"],
            gap=row["lost"],
            unaccounted=row["missing"],
        )

    def _read_people(self) -> dict[str, Row]:
        [everybody] = self._store.query(queries.PEOPLE)
        people = {_ALL: everybody}
        listed = self._fresh.get().listed
        if listed:
            for row in self._store.query(queries.ROOM_PEOPLE, {"rooms": listed}):
                people[row["room_id"]] = row
        return people

    def _compare_books(self) -> None:
        self._settling.look(
            [
                Difference(
                    room_id=row["room_id"],
                    minute_s=row["minute_s"],
                    currency=row["currency"],
                    orders=row["orders_difference"],
                    gmv_minor=row["gmv_difference_minor"],
                    refund_minor=row["refund_difference_minor"],
                )
                for row in self._store.query(queries.DIFFERENCES)
            ]
        )


def _state(fresh: _Fresh, trust: Trust) -> State:
    if not fresh.accounts.consumed:
        return "waiting"
    return "ended" if fresh.rooms and not fresh.on_air and not trust.lag_records else "live"


def _listed(rooms: dict[str, Row], sold: Sequence[Row]) -> tuple[str, ...]:
    """Choose rooms: on air first, then those with most orders (a count needs no currency)."""
    orders: Counter[str] = Counter()
    for row in sold:
        orders[row["room_id"]] += row["sold"]
    best = nsmallest(
        LISTED_ROOMS,
        rooms.values(),
        key=lambda room: (room["ended_at_ms"] > 0, -orders[room["room_id"]], room["room_id"]),
    )
    return tuple(room["room_id"] for room in best)


def _sales(rows: Sequence[Row]) -> dict[str, list[Sales]]:
    """Per room and for all, one entry per currency, most orders first."""
    by_place: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        for room_id in (row["room_id"], _ALL):
            by_place[room_id][row["currency"]].append(row)
    return {
        room_id: sorted(
            (_sum_sales(currency, parts) for currency, parts in by_currency.items()),
            key=lambda sales: (-sales.orders, sales.currency),
        )
        for room_id, by_currency in by_place.items()
    }


def _sum_sales(currency: str, rows: Sequence[Row]) -> Sales:
    total = _add_up(rows, ("gmv", "paid_back", "sold", "items", "paybacks"))
    return Sales.of(
        currency,
        gmv_minor=total["gmv"],
        refund_minor=total["paid_back"],
        orders=total["sold"],
        units=total["items"],
        refunds=total["paybacks"],
    )


def _add_up(rows: Sequence[Row], names: Iterable[str]) -> Row:
    return {name: sum(row[name] for row in rows) for name in names}


def _lines(rows: Sequence[Row], first_minute_s: int) -> dict[str, dict[str, Line]]:
    lines: dict[str, dict[str, Line]] = defaultdict(dict)
    for row in rows:
        by_currency = lines[row.get("room_id", _ALL)]
        if row["currency"] not in by_currency:
            by_currency[row["currency"]] = Line(orders=[0] * MINUTES, gmv_minor=[0] * MINUTES)
        line = by_currency[row["currency"]]
        minute = (row["minute_s"] - first_minute_s) // 60
        # A window may open between the two questions; it is shown a second later.
        if minute < MINUTES:
            line.orders[minute] = row["sold"]
            line.gmv_minor[minute] = row["gmv"]
    return lines


def _scope(room_id: str, fresh: _Fresh, people: dict[str, Row], *, on_air: bool) -> Scope:
    room = fresh.rooms.get(room_id, {})
    done = fresh.activity.get(room_id, _NO_ACTIVITY)
    who = people.get(room_id, _NO_PEOPLE)
    return Scope(
        room_id=room_id,
        title=room.get("title", ""),
        brand=room.get("brand", ""),
        kol_id=room.get("kol_id", ""),
        on_air=on_air,
        activity=Activity(
            views=done["entered"],
            online=done["online"],
            likes=done["hearts"],
            chats=done["messages"],
            viewers=who["viewers"],
            buyers=who["buyers"],
            conversion=percent(who["buyers"], who["viewers"]),
        ),
        sales=fresh.sales.get(room_id, []),
        lines=fresh.lines.get(room_id, {}),
    )
