"""Small rows for the tests of the store, with only the columns that a test talks about."""

from __future__ import annotations

from typing import Any

from schemas.rows import FIRST_WINS
from schemas.store import Row, Store

#: 2026-01-01 10:00:00 UTC, the begin of a minute.
TEN = 1_767_261_600


def insert_rows(store: Store, table: str, *rows: Row) -> None:
    """Insert rows; a column that only some of them have is 0 or empty in the others."""
    examples = {name: value for row in rows for name, value in row.items()}
    columns = {
        name: [row.get(name, type(example)()) for row in rows] for name, example in examples.items()
    }
    store.insert(table, columns)


def select(store: Store, view: str, *names: str, where: str = "1") -> list[tuple[Any, ...]]:
    """Some columns of a view as sorted tuples; times as epoch seconds."""
    rows = store.query(f"SELECT {', '.join(names)} FROM {view} WHERE {where}")
    return sorted(tuple(row[name] for name in names) for row in rows)


def started(room: str, kol: str, currency: str) -> Row:
    """The event that begins a show."""
    return {
        "room_id": room,
        "occurred_at_ms": TEN * 1000,
        "event_id": f"start-{room}",
        "type": "room_started",
        "kol_id": kol,
        "brand": f"brand of {room}",
        "title": f"title of {room}",
        "currency": currency,
        "version": 1,
    }


def activity(room: str, window: int, partition: int = 0, *, late_slice: int = 0, **v: int) -> Row:
    """One activity window row; ``version`` is 1 unless given."""
    return {
        "room_id": room,
        "source": "feed",
        "mode": "live",
        "window_start": window,
        "late_slice": late_slice,
        "kafka_topic": "live.traffic",
        "kafka_partition": partition,
        "version": 1,
        **v,
    }


def sales(
    room: str, kol: str, currency: str, window: int, partition: int = 0, **values: int
) -> Row:
    """One sales window row; ``version`` is 1 unless given."""
    return {
        "room_id": room,
        "kol_id": kol,
        "currency": currency,
        "promo": "none",
        "attribution": "in_room",
        "window_start": window,
        "kafka_topic": "live.purchases",
        "kafka_partition": partition,
        "version": 1,
        **values,
    }


def entry(
    kind: str,
    entry_id: str,
    room: str,
    kol: str,
    currency: str,
    amount_minor: int,
    at: int,
    *,
    user: str = "u1",
    offset: int = 0,
) -> Row:
    """One ledger row."""
    return {
        "kind": kind,
        "id": entry_id,
        "order_id": entry_id,
        "room_id": room,
        "kol_id": kol,
        "user_id": user,
        "currency": currency,
        "amount_minor": amount_minor,
        "occurred_at": at,
        "occurred_at_ms": at * 1000,
        "kafka_topic": "live.purchases",
        "kafka_offset": offset,
        "version": FIRST_WINS - offset,
    }


def seen(room: str, role: str, minute: int, user: str, kol: str = "") -> Row:
    """One audience row."""
    return {"room_id": room, "kol_id": kol, "role": role, "minute": minute, "user_id": user}
