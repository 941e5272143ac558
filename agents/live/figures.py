"""The live page's figures: one snapshot of the store, read in a thread of its own."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
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


class _Rooms(NamedTuple):
    listed: list[Row]
    ids: tuple[str, ...]
    known: int
    on_air: int


class _Fresh(NamedTuple):
    accounts: Accounts
    as_of_ms: int
    first_minute_s: int
    sales: dict[str, list[Sales]]
    activity: dict[str, Row]
    lines: dict[str, dict[str, Line]]


#: Stands for all rooms together wherever rooms are keys; no room has an empty id.
_ALL: Final = ""


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
        self._rooms = Paced(self._read_rooms, every_s=_HEAVY_EVERY_S, share=_HEAVY_SHARE)
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
        rooms = self._rooms.get()
        fresh = self._fresh.get()
        people = self._people.get()
        self._compare.get()
        accounts = fresh.accounts
        confirmed = self._settling.confirmed
        total = _scope(None, fresh, people, on_air=rooms.on_air > 0)
        return Snapshot(
            state=_state(accounts, trust, rooms),
            as_of_ms=fresh.as_of_ms,
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
                _scope(room, fresh, people, on_air=not room["ended_at_ms"]) for room in rooms.listed
            ],
            rooms_known=rooms.known,
            rooms_on_air=rooms.on_air,
            boards=self._boards.read(fresh.as_of_ms),
        )

    def _forget(self) -> None:
        for paced in (self._rooms, self._fresh, self._people, self._compare):
            paced.forget()
        for _ in range(LOOKS - 1):
            self._compare_books()

    def _read_rooms(self) -> _Rooms:
        listed = self._store.query(queries.ROOMS, {"listed": LISTED_ROOMS})
        [count] = self._store.query(queries.ROOM_COUNT)
        ids = tuple(room["room_id"] for room in listed)
        return _Rooms(listed, ids, count["known"], count["on_air"])

    def _read_fresh(self) -> _Fresh:
        accounts = self._read_accounts()
        sales_rows = self._store.query(queries.SALES)
        [everybody] = self._store.query(queries.ACTIVITY)
        newest_s = max(row["newest_s"] for row in (*sales_rows, everybody))
        last_minute_s = max(newest_s, accounts.watermark_ms // 1_000) // 60 * 60
        first_minute_s = max(last_minute_s - 60 * (MINUTES - 1), 0)
        sales = {_ALL: [_sales(row) for row in sales_rows]}
        activity = {_ALL: everybody}
        since = {"first_minute_s": first_minute_s}
        line_rows = self._store.query(queries.LINES, since)
        ids = self._rooms.get().ids
        if ids:
            for row in self._store.query(queries.ROOM_SALES, {"rooms": ids}):
                sales.setdefault(row["room_id"], []).append(_sales(row))
            for row in self._store.query(queries.ROOM_ACTIVITY, {"rooms": ids}):
                activity[row["room_id"]] = row
            line_rows += self._store.query(queries.ROOM_LINES, {"rooms": ids, **since})
        lines = _lines(line_rows, first_minute_s)
        return _Fresh(accounts, accounts.watermark_ms, first_minute_s, sales, activity, lines)

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
        ids = self._rooms.get().ids
        if ids:
            for row in self._store.query(queries.ROOM_PEOPLE, {"rooms": ids}):
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


def _state(accounts: Accounts, trust: Trust, rooms: _Rooms) -> State:
    if not accounts.consumed:
        return "waiting"
    return "ended" if rooms.known and not rooms.on_air and not trust.lag_records else "live"


def _sales(row: Row) -> Sales:
    return Sales.of(
        row["currency"],
        gmv_minor=row["gmv"],
        refund_minor=row["paid_back"],
        orders=row["sold"],
        units=row["items"],
        refunds=row["paybacks"],
    )


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


def _scope(room: Row | None, fresh: _Fresh, people: dict[str, Row], *, on_air: bool) -> Scope:
    room_id = room["room_id"] if room else _ALL
    done = fresh.activity.get(room_id)
    who = people.get(room_id)
    viewers, buyers = (who["viewers"], who["buyers"]) if who else (0, 0)
    return Scope(
        room_id=room_id,
        title=room["title"] if room else "",
        brand=room["brand"] if room else "",
        kol_id=room["kol_id"] if room else "",
        on_air=on_air,
        activity=Activity(
            views=done["entered"] if done else 0,
            online=max(done["entered_on_air"] - done["left_on_air"], 0) if done else 0,
            likes=done["hearts"] if done else 0,
            chats=done["messages"] if done else 0,
            viewers=viewers,
            buyers=buyers,
            conversion=percent(buyers, viewers),
        ),
        sales=fresh.sales.get(room_id, []),
        lines=fresh.lines.get(room_id, {}),
    )
