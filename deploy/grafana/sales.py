"""What the show sells and who watches: the panels that read ClickHouse.

The SQL stands in ``sql/``, as Grafana's editor shows it. Its rules:

- Money is divided by the currency's minor unit for display only, and every query with money is
  limited to one currency: sums across currencies are never made.
- Traffic has no currency of its own; it stands with what its room sells in.
- A minute belongs to the time range if its start does, so totals and minutes agree.
- "All" rooms is no condition at all (``$__conditionalAll``), not a list of ten thousand.
- It runs on ClickHouse from 18.16 on: no window functions, no common table expressions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from deploy.grafana.panels import (
    ClickHouseTarget,
    Overrides,
    bars_by,
    grid,
    over_time,
    single_figure,
)

_RATIO: Final = {"unit": "percentunit", "decimals": 1}
_MONEY_COLUMNS: Final[Overrides] = {
    "gmv": {"displayName": "GMV, $currency", "decimals": 2},
    "refunded": {"displayName": "Refunds, $currency", "decimals": 2},
    "net_gmv": {"displayName": "Net GMV, $currency", "decimals": 2},
}
#: A replayed show has event times of its own, which "the last hour" misses.
_SHOW_THIS_ROOM: Final = {
    "title": "Show this room, in its own time",
    "url": "/d/liveshop-live?from=${__data.fields.started.numeric}"
    "&to=${__data.fields.until.numeric}&var-room=${__data.fields.room_id:percentencode}"
    "&var-currency=${__data.fields.currency}",
}
_RIGHT_AXIS_LINE: Final = {
    "custom.axisPlacement": "right",
    "custom.drawStyle": "line",
    "custom.fillOpacity": 0,
    "custom.lineWidth": 2,
    "unit": "short",
}


def sql(name: str) -> str:
    """The query of ``sql/<name>.sql``."""
    return (Path(__file__).parent / "sql" / f"{name}.sql").read_text(encoding="utf-8").strip()


def _rows(name: str) -> tuple[ClickHouseTarget]:
    return (ClickHouseTarget(sql(name), time_series=False),)


def _series(*names: str) -> tuple[ClickHouseTarget, ...]:
    return tuple(
        ClickHouseTarget(sql(name), ref_id=letter)
        for name, letter in zip(names, "ABC", strict=False)
    )


def headline() -> tuple[Any, ...]:
    """The figures of the top row, left to right."""
    return (
        single_figure(
            "GMV (paid), $currency",
            "Counted at payment; later refunds do not reduce it.",
            _rows("gmv"),
            unit="none",
            decimals=2,
        ),
        single_figure(
            "Net GMV, $currency",
            "GMV minus the refunds that happened in the same time range (cash view).",
            _rows("net_gmv"),
            unit="none",
            decimals=2,
        ),
        single_figure(
            "Orders per minute, $currency",
            "Main orders paid in the last 5 minutes of the time range, per minute.",
            _rows("orders_per_minute"),
            unit="none",
            decimals=1,
        ),
        single_figure(
            "Conversion, buyers / viewers",
            "Unique buyers divided by unique viewers of the rooms that sell in $currency.",
            _rows("conversion"),
            unit="percentunit",
            decimals=2,
        ),
        single_figure(
            "Viewers online now",
            "Views minus leaves, live only, in rooms on air at the end of the time range.",
            _rows("viewers_online_now"),
            unit="none",
        ),
        single_figure(
            "Unaccounted records",
            "Consumed minus folded, duplicates and dead-lettered, over all partitions. Always 0.",
            _rows("unaccounted"),
            unit="none",
            must_be_zero=True,
        ),
        single_figure(
            "Minutes that differ",
            "Room minutes, of any currency, where the windows and the ledger disagree. Always 0.",
            _rows("minutes_that_differ"),
            unit="none",
            must_be_zero=True,
        ),
        single_figure(
            "Records lost or unreadable",
            "Gap: deleted by retention before they were read. Unreadable: kept in dead_letter.",
            _rows("lost_or_unreadable"),
            unit="none",
            must_be_zero=True,
            overrides={
                "gap_records": {"displayName": "gap"},
                "unreadable_records": {"displayName": "unreadable"},
            },
        ),
    )


def rooms() -> tuple[Any, ...]:
    """Which shows there are, whatever the time range."""
    return (
        grid(
            "Rooms, of any time",
            "Newest first. A click on a room shows it alone, with its own time range.",
            _rows("rooms"),
            width=24,
            height=6,
            overrides={
                "room_id": {"displayName": "Room", "links": [_SHOW_THIS_ROOM]},
                "kol_id": {"displayName": "KOL"},
                "until": {"displayName": "Ended (on air: 6 h shown)"},
            },
        ),
    )


def show() -> tuple[Any, ...]:
    """Sales and audience, minute by minute."""
    return (
        over_time(
            "Orders and GMV per minute, $currency",
            "Bars: GMV (paid), and refunds in the minute in which they happen. Line: main orders.",
            _series("sales_by_minute"),
            unit="none",
            width=12,
            height=9,
            bars=True,
            overrides={
                "gmv": {"displayName": "GMV, $currency"},
                "refunded": {"displayName": "Refunds, $currency"},
                "main_orders": {"displayName": "Orders", **_RIGHT_AXIS_LINE},
            },
        ),
        over_time(
            "Viewers online",
            "The running sum of views minus leaves, live only; its peak is the PCU. A show that ends takes its viewers along.",
            _series("viewers_online"),
            unit="short",
            width=12,
            height=9,
            stepped=True,
            overrides={"online": {"displayName": "Viewers online"}},
        ),
        over_time(
            "Viewers, chats and likes per minute",
            "Viewers are unique within the minute: they do not add up over minutes or rooms.",
            _series("people_by_minute", "activity_by_minute"),
            unit="short",
            width=12,
            height=9,
            overrides={
                "viewers": {"displayName": "Unique viewers"},
                "buyers": {"displayName": "Unique buyers"},
                "chat_messages": {"displayName": "Chat messages"},
                "product_clicks": {"displayName": "Product clicks"},
                "like_count": {"displayName": "Likes", **_RIGHT_AXIS_LINE},
            },
        ),
        over_time(
            "Views per minute by source",
            "Where the views come from; qr is the code in a store.",
            _series("views_by_source"),
            unit="short",
            width=12,
            height=9,
            bars=True,
            stacked=True,
        ),
    )


def rankings() -> tuple[Any, ...]:
    """KOLs, promotions and products."""
    return (
        grid(
            "KOL leaderboard, $currency, whole show, all rooms",
            "By net GMV; ties go to more orders, then to the smaller name.",
            _rows("kol_leaderboard"),
            width=10,
            overrides=_MONEY_COLUMNS,
        ),
        grid(
            "KOLs in the last 5 minutes, $currency",
            "As the leaderboard agent ranked them last; moved: places won within one minute.",
            _rows("kol_last_5_minutes"),
            width=8,
            overrides=_MONEY_COLUMNS,
        ),
        bars_by(
            "GMV by promotion, $currency",
            "GMV (paid) of the time range: none, flash sale, coupon, group buy, share, points.",
            _rows("gmv_by_promotion"),
            category="promo",
            unit="none",
            width=6,
            overrides={"gmv": _MONEY_COLUMNS["gmv"]},
        ),
        grid(
            "Products, $currency",
            "Product CTR = clicks / impressions. CTOR = SKU orders / clicks. Top 50 by GMV.",
            _rows("products"),
            width=24,
            overrides={
                **_MONEY_COLUMNS,
                "shown": {"displayName": "Impressions"},
                "clicked": {"displayName": "Clicks"},
                "in_cart": {"displayName": "Carts"},
                "bought": {"displayName": "SKU orders"},
                "items": {"displayName": "Units"},
                "product_ctr": {"displayName": "Product CTR", **_RATIO},
                "ctor": {"displayName": "CTOR", **_RATIO},
            },
        ),
    )


def trust() -> tuple[Any, ...]:
    """Why the figures above can be believed."""
    return (
        over_time(
            "Windows minus ledger per minute, $currency",
            "In minor units, so that a single cent shows. Every difference is 0.",
            _series("differences_by_minute"),
            unit="none",
            width=12,
            height=9,
            stepped=True,
            overrides={
                "orders_off": {"displayName": "Orders"},
                "gmv_off_minor": {"displayName": "GMV, minor units of $currency"},
                "refunds_off_minor": {"displayName": "Refunds, minor units of $currency"},
            },
        ),
        grid(
            "Partitions at their last checkpoint",
            "Unaccounted = consumed minus folded, duplicates and dead-lettered.",
            _rows("partitions"),
            width=12,
            overrides={"dead_lettered": {"displayName": "dead-lettered"}},
        ),
    )
