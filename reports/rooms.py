"""Which rooms there are, and how settled the figures of one are."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from reports import queries
from reports.model import Finality, Partition, RoomListing
from schemas.errors import UsageError
from schemas.store import Row, Store
from schemas.topics import PURCHASES

_DAY_MS = 86_400_000


def list_rooms(store: Store) -> list[RoomListing]:
    """Every room in the store, the latest first.

    A room whose start was never read is listed too, as long as anything happened in it.

    Raises:
        StoreUnavailable, StoreRejected: as for ``Store.query``.
    """
    known = {row["room_id"]: row for row in store.query(queries.ROOMS)}
    views = {row["room_id"]: row["views"] for row in store.query(queries.ROOM_VIEWS)}
    orders = {row["room_id"]: row["orders"] for row in store.query(queries.ROOM_ORDERS)}
    listings = [
        _listing(room_id, known.get(room_id, {}), views.get(room_id, 0), orders.get(room_id, 0))
        for room_id in known.keys() | views.keys() | orders.keys()
    ]
    return sorted(listings, key=lambda room: (-(room.started_at_ms or 0), room.room_id))


def _listing(room_id: str, row: Row, views: int, orders: int) -> RoomListing:
    started = row.get("started_at_ms") or None
    ended = row.get("ended_at_ms") or None
    return RoomListing(
        room_id=room_id,
        brand=row.get("brand", ""),
        title=row.get("title", ""),
        kol_id=row.get("kol_id", ""),
        started_at_ms=started,
        ended_at_ms=ended,
        views=views,
        orders=orders,
    )


def find_room(store: Store, room_id: str) -> Row:
    """The room's row of the ``room`` view; empty values where its start was never read.

    Raises:
        UsageError: there is no such room; the hint names the ones that are spelled alike.
    """
    rows = [row for row in store.query(queries.ROOMS) if row["room_id"] == room_id]
    if rows:
        return rows[0]
    rooms = [room.room_id for room in list_rooms(store)]
    if room_id in rooms:
        return {
            "kol_id": "",
            "brand": "",
            "title": "",
            "currency": "",
            "started_at_ms": 0,
            "ended_at_ms": 0,
        }
    close = get_close_matches(room_id, rooms, n=3)
    if close:
        hint = f"Did you mean {' or '.join(close)}? `liveshop report --list` shows all rooms."
    elif rooms:
        hint = "`liveshop report --list` shows all rooms."
    else:
        hint = "The store holds no rooms yet; `liveshop report --list` shows all rooms."
    raise UsageError(f"There is no room {room_id!r}.", hint)


def ended_at(events: Sequence[Row]) -> int | None:
    """When the room went off air for good; ``None`` while it is on air.

    A room that was started again after its end is on air.
    """
    started = max((e["occurred_at_ms"] for e in events if e["type"] == "room_started"), default=0)
    ended = max((e["occurred_at_ms"] for e in events if e["type"] == "room_ended"), default=0)
    return ended if ended and ended >= started else None


def final_from(ended_at_ms: int | None, refund_window_days: int) -> int | None:
    """The event time from which no refund can change the figures."""
    return None if ended_at_ms is None else ended_at_ms + refund_window_days * _DAY_MS


def finality(final_from_ms: int | None, partitions: Sequence[Partition]) -> Finality:
    """How settled the figures are.

    ``final`` needs *every* purchases partition that ever had a record to be past the refund
    window, not only those that carry the room: a refund may be waiting in one that lags.
    """
    if final_from_ms is None:
        return "live"
    watermarks = [
        p.watermark_ms for p in partitions if p.kafka_topic == PURCHASES.name and p.consumed
    ]
    if watermarks and min(watermarks) >= final_from_ms:
        return "final"
    return "provisional"
