"""What the host did, and what it sold meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from reports import queries
from reports.model import Marker, MarkerKind, MarkerSales
from schemas.store import Row, Store

_STARTS: Final[dict[str, MarkerKind]] = {
    "explanation_started": "explanation",
    "flash_sale_started": "flash_sale",
}
_ENDS: Final[dict[str, MarkerKind]] = {
    "explanation_ended": "explanation",
    "flash_sale_ended": "flash_sale",
}
_MOMENTS: Final[dict[str, MarkerKind]] = {"product_pinned": "pin", "coupon_dropped": "coupon"}

#: One query holds the spans of this many markers.
_SPANS_PER_QUERY: Final = 200


@dataclass(frozen=True)
class _Mark:
    kind: MarkerKind
    start_ms: int
    end_ms: int | None
    product_id: str
    price_minor: int | None
    label: str


def product_titles(events: Iterable[Row]) -> dict[str, tuple[str, int]]:
    """``product_id → (title, price_minor)``, as it was listed last."""
    return {
        event["product_id"]: (event["title"], event["price_minor"])
        for event in events
        if event["type"] == "product_listed"
    }


def read_markers(
    store: Store, room_id: str, events: Sequence[Row], ended_ms: int | None, until_ms: int
) -> list[Marker]:
    """The markers in order of time, spans with their sales.

    Args:
        store: where the windows are.
        room_id: the room.
        events: its host events in order of time.
        ended_ms: when the show ended; closes what the host left open.
        until_ms: how far a span that is still open is counted.
    """
    marks = _pair(events, ended_ms)
    spans = [
        (mark.product_id, mark.start_ms // 1000, _whole_second(mark.end_ms or until_ms))
        for mark in marks
        if mark.kind in _STARTS.values()
    ]
    windows = _windows(store, room_id, list(dict.fromkeys(spans)))
    return [_marker(mark, windows, until_ms) for mark in marks]


def _pair(events: Iterable[Row], ended_ms: int | None) -> list[_Mark]:
    titles = product_titles(events)
    marks: list[_Mark] = []
    open_marks: dict[tuple[MarkerKind, str], int] = {}
    for event in events:
        at, product_id = event["occurred_at_ms"], event["product_id"]
        kind = _STARTS.get(event["type"]) or _ENDS.get(event["type"])
        if kind is not None and (kind, product_id) in open_marks:
            position = open_marks.pop((kind, product_id))
            marks[position] = replace(marks[position], end_ms=at)
        if event["type"] in _STARTS and kind is not None:
            open_marks[kind, product_id] = len(marks)
        elif event["type"] in _MOMENTS:
            kind = _MOMENTS[event["type"]]
        else:
            continue
        title = titles.get(product_id, (product_id, 0))[0] or product_id
        price = event["price_minor"] if kind == "flash_sale" else None
        label = event["coupon_id"] if kind == "coupon" else title
        marks.append(_Mark(kind, at, None, product_id, price, label))
    for position in open_marks.values():
        marks[position] = replace(marks[position], end_ms=ended_ms)
    return marks


def _windows(store: Store, room_id: str, spans: Sequence[tuple[str, int, int]]) -> list[Row]:
    # A window can lie in two spans and come back from two queries: keep it once.
    rows: dict[tuple[str, str, int], Row] = {}
    for start in range(0, len(spans), _SPANS_PER_QUERY):
        sql, params = queries.product_spans(spans[start : start + _SPANS_PER_QUERY])
        for row in store.query(sql, {"room_id": room_id, **params}):
            rows[row["product_id"], row["currency"], row["at"]] = row
    return list(rows.values())


def _marker(mark: _Mark, windows: Iterable[Row], until_ms: int) -> Marker:
    within: list[Row] = []
    if mark.kind in _STARTS.values():
        start, end = mark.start_ms // 1000, _whole_second(mark.end_ms or until_ms)
        within = [
            row
            for row in windows
            if row["product_id"] == mark.product_id and start <= row["at"] < end
        ]
    sales: dict[str, list[Row]] = {}
    for row in within:
        if row["currency"]:
            sales.setdefault(row["currency"], []).append(row)
    return Marker(
        kind=mark.kind,
        start_ms=mark.start_ms,
        end_ms=mark.end_ms,
        product_id=mark.product_id,
        label=mark.label,
        price_minor=mark.price_minor,
        clicks=sum(row["clicks"] for row in within),
        sales=[_sales(currency, sales) for currency in sorted(sales)],
    )


def _sales(currency: str, rows: Mapping[str, Sequence[Row]]) -> MarkerSales:
    return MarkerSales(
        currency=currency,
        orders=sum(row["orders"] for row in rows[currency]),
        units=sum(row["units"] for row in rows[currency]),
        gmv_minor=sum(row["gmv_minor"] for row in rows[currency]),
    )


def _whole_second(ms: int) -> int:
    return -(-ms // 1000)
