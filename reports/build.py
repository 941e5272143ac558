"""Put a report together: read the store once, compute, return values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reports import audience, curve, queries, rooms
from reports.contract import REFUND_WINDOW_DAYS, measures
from reports.markers import read_markers
from reports.model import Header, Partition, Report
from reports.quality import carrying, partitions, quality, reconcile
from reports.sales import Host, SalesRows, currency_sales
from schemas.errors import UsageError
from schemas.store import Row, Store
from schemas.topics import PURCHASES

#: Changes when the meaning or the shape of the JSON changes.
VERSION: Final = 1

#: How many KOLs of the whole show are listed; the host is listed in any case.
TOP_KOLS: Final = 10


@dataclass(frozen=True)
class _Room:
    """The room itself, read before its figures."""

    room_id: str
    row: Row
    events: Sequence[Row]
    every_partition: Sequence[Partition]
    partitions: Sequence[Partition]

    @property
    def started_ms(self) -> int | None:
        return self.row["started_at_ms"] or None

    @property
    def ended_ms(self) -> int | None:
        return rooms.ended_at(self.events)

    @property
    def as_of_ms(self) -> int | None:
        return max((p.watermark_ms for p in self.partitions), default=None)

    @property
    def sales_as_of_ms(self) -> int | None:
        # The slowest counts: an order may be waiting in any of them.
        purchases = [p for p in self.partitions if p.kafka_topic == PURCHASES.name]
        return min((p.watermark_ms for p in purchases), default=None)


def build_report(
    store: Store,
    room_id: str,
    currency: str | None = None,
    refund_window_days: int = REFUND_WINDOW_DAYS,
) -> Report:
    """Read one room and compute its report. Blocks while it reads.

    Args:
        store: where the figures are; nothing is written.
        room_id: the room.
        currency: the one that headlines are shown in; by default the room's own.
        refund_window_days: how long after the end refunds may still come.

    Raises:
        UsageError: there is no such room, or it has no sales in that currency.
        StoreUnavailable, StoreRejected: as for ``Store.query``.
    """
    room = _read_room(store, room_id)
    params = {"room_id": room_id}
    activity = store.query(queries.ACTIVITY, params)
    sales = SalesRows(
        sales=store.query(queries.SALES, params),
        cohort=store.query(queries.REFUNDS_BY_SALE, params),
        products=store.query(queries.PRODUCTS, params),
        kol_buyers=store.query(queries.KOL_BUYERS, params),
        leaderboard=store.query(
            queries.LEADERBOARD, {"top": TOP_KOLS, "kol_id": room.row["kol_id"]}
        ),
    )
    people = audience.people(store.query(queries.PEOPLE, params))
    currencies = _currencies(room, sales, currency)
    span = curve.show_span(
        room.started_ms, room.ended_ms, [row["at"] for row in (*activity, *sales.sales)]
    )
    until_ms = max(span.off_air * 1000 if span else 0, room.as_of_ms or 0)
    markers = read_markers(store, room_id, room.events, room.ended_ms, until_ms)

    steps = curve.online_steps(activity)
    figures = {
        **curve.totals(activity, curve.ACTIVITY),
        **people,
        "room_orders": sum(row["orders"] for row in sales.sales),
        "room_sku_orders": sum(row["sku_orders"] for row in sales.sales),
        "pcu": max((level for _, level in steps), default=0),
        "online_seconds": curve.online_seconds(steps, span) if span else 0,
        "air_seconds": span.off_air - span.on_air if span else 0,
    }
    host = Host(
        kol_id=room.row["kol_id"],
        currency=room.row["currency"],
        views=figures["views"],
        viewers=figures["viewers"],
        impressions=figures["impressions"],
    )
    return Report(
        version=VERSION,
        header=_header(room, currencies[0], refund_window_days),
        measures=measures("room", figures),
        currencies=[currency_sales(sales, code, span, host) for code in currencies],
        minutes=curve.minutes(span, activity, steps) if span else [],
        markers=markers,
        funnels=audience.funnels(figures),
        products=audience.products(sales.products, room.events, markers, until_ms),
        sources=audience.sources(activity),
        modes=audience.modes(activity),
        reconciliation=reconcile(store.query(queries.RECONCILIATION, params)),
        quality=quality(room.partitions, store.query(queries.DEAD_LETTERS)),
    )


def _read_room(store: Store, room_id: str) -> _Room:
    """Watermarks are read before the figures, so that no figure is older than its as-of time."""
    row = rooms.find_room(store, room_id)
    every = partitions(store.query(queries.PIPELINE))
    return _Room(
        room_id=room_id,
        row=row,
        events=store.query(queries.EVENTS, {"room_id": room_id}),
        every_partition=every,
        partitions=carrying(every, store.query(queries.ROOM_PARTITIONS, {"room_id": room_id})),
    )


def _currencies(room: _Room, sales: SalesRows, wanted: str | None) -> list[str]:
    """The headline currency first, then by number of orders: amounts cannot be compared."""
    orders: dict[str, int] = {room.row["currency"]: 0} if room.row["currency"] else {}
    for row in sales.sales:
        orders[row["currency"]] = orders.get(row["currency"], 0) + row["orders"]
    found = sorted(orders, key=lambda code: (-orders[code], code)) or [""]
    if wanted is not None and wanted not in found:
        raise UsageError(
            f"Room {room.room_id!r} has no sales in {wanted!r}.",
            f"It has sales in {', '.join(found)}." if found != [""] else "It has no sales yet.",
        )
    headline = wanted or room.row["currency"] or found[0]
    return [headline, *(code for code in found if code != headline)]


def _header(room: _Room, currency: str, refund_window_days: int) -> Header:
    started, ended = room.started_ms, room.ended_ms
    final_from_ms = rooms.final_from(ended, refund_window_days)
    return Header(
        room_id=room.room_id,
        brand=room.row["brand"],
        title=room.row["title"],
        kol_id=room.row["kol_id"],
        currency=currency,
        room_currency=room.row["currency"],
        started_at_ms=started,
        ended_at_ms=ended,
        duration_ms=None if started is None or ended is None else ended - started,
        finality=rooms.finality(final_from_ms, room.every_partition),
        as_of_ms=room.as_of_ms,
        sales_as_of_ms=room.sales_as_of_ms,
        refund_window_days=refund_window_days,
        final_from_ms=final_from_ms,
    )
