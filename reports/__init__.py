"""The post-stream report: every figure by its contract, as HTML, JSON or CSV."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from reports.build import build_report
from reports.contract import REFUND_WINDOW_DAYS
from reports.model import Report, RoomListing
from reports.render_csv import render_csv
from reports.render_html import render_html
from reports.render_json import render_json
from reports.rooms import list_rooms
from schemas.store import Store

__all__ = ["Format", "Report", "RoomListing", "build_report", "list_rooms", "report"]

Format = Literal["html", "json", "csv"]

_RENDER: Final[dict[Format, Callable[[Report], str | bytes]]] = {
    "html": render_html,
    "json": render_json,
    "csv": render_csv,
}


def report(
    store: Store,
    room_id: str,
    fmt: Format,
    currency: str | None = None,
    refund_window_days: int = REFUND_WINDOW_DAYS,
) -> str | bytes:
    """Build and render the report of one room. Text is to be written as UTF-8, newlines as is.

    Raises:
        UsageError: there is no such room, or it has no sales in that currency.
        StoreUnavailable, StoreRejected: as for ``Store.query``.
    """
    return _RENDER[fmt](build_report(store, room_id, currency, refund_window_days))
