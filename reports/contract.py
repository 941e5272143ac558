"""The metric contract: what each figure of a report is, as data.

A metric is a base figure, or one base figure over another, times a whole factor. Both are named,
so that a reader never has to guess a denominator. Ratios are computed from integers with
``Fraction``; a zero denominator gives ``None``, which is shown as a dash and never as 0.
"""

# ruff: noqa: RUF001 - formulas are typeset

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

import msgspec

Scope = Literal["money", "room"]
Unit = Literal["money", "count", "percent", "average", "duration"]
Value = int | float | None

#: How long after the end of a show refunds may still change its figures.
REFUND_WINDOW_DAYS: Final = 14

#: Digits kept of a ratio that is written as a number.
RATIO_DIGITS: Final = 6


@dataclass(frozen=True)
class Metric:
    """One entry of the contract.

    Attributes:
        key: its name in JSON and CSV.
        name: its name for people.
        formula: how it is computed, denominators by name.
        unit: ``money`` and ``duration`` are whole minor units and milliseconds.
        scope: ``money`` metrics exist once per currency, ``room`` metrics once per room.
        definition: what is counted, as FIELD.md defines it.
        numerator: the base figure it starts from.
        denominator: the base figure it is divided by, or ``""``.
        factor: what the ratio is multiplied with.
    """

    key: str
    name: str
    formula: str
    unit: Unit
    scope: Scope
    definition: str
    numerator: str
    denominator: str = ""
    factor: int = 1


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """A metric's value in one report.

    ``value`` is what ``numerator * factor / denominator`` comes to: an ``int`` for money (minor
    units), counts and durations (ms), a number rounded to six digits for the rest, ``None`` where
    the denominator is zero.
    """

    key: str
    name: str
    formula: str
    unit: Unit
    value: Value
    numerator: int
    denominator: int | None = None
    factor: int = 1

    @property
    def exact(self) -> Fraction | None:
        """The unrounded value."""
        return ratio(
            self.numerator * self.factor, 1 if self.denominator is None else self.denominator
        )


def ratio(numerator: int, denominator: int) -> Fraction | None:
    """The exact ratio, or ``None`` where there is nothing to divide by."""
    return Fraction(numerator, denominator) if denominator else None


def round_half_up(value: Fraction) -> int:
    """The nearest integer; a half goes away from zero, as on an invoice."""
    magnitude = (2 * abs(value.numerator) + value.denominator) // (2 * value.denominator)
    return magnitude if value >= 0 else -magnitude


def rate(numerator: int, denominator: int) -> float | None:
    """A ratio as a number of six digits."""
    exact = ratio(numerator, denominator)
    return None if exact is None else _as_number(exact)


def per(amount: int, divisor: int) -> int | None:
    """An amount divided and rounded to whole units, such as GMV / orders."""
    exact = ratio(amount, divisor)
    return None if exact is None else round_half_up(exact)


def measure(metric: Metric, figures: Mapping[str, int]) -> Measure:
    """Evaluate one metric over base figures."""
    numerator = figures[metric.numerator]
    denominator = figures[metric.denominator] if metric.denominator else None
    exact = ratio(numerator * metric.factor, 1 if denominator is None else denominator)
    value: Value
    if exact is None:
        value = None
    elif metric.unit in ("percent", "average"):
        value = _as_number(exact)
    else:
        value = round_half_up(exact)
    return Measure(
        key=metric.key,
        name=metric.name,
        formula=metric.formula,
        unit=metric.unit,
        value=value,
        numerator=numerator,
        denominator=denominator,
        factor=metric.factor,
    )


def measures(scope: Scope, figures: Mapping[str, int]) -> list[Measure]:
    """Evaluate every metric of one scope, in the order of the contract."""
    return [measure(metric, figures) for metric in CONTRACT if metric.scope == scope]


def _as_number(value: Fraction) -> float:
    return round_half_up(value * 10**RATIO_DIGITS) / 10**RATIO_DIGITS


def _count(key: str, name: str, formula: str, scope: Scope, definition: str) -> Metric:
    return Metric(key, name, formula, "count", scope, definition, numerator=key)


def _money(key: str, name: str, formula: str, definition: str) -> Metric:
    return Metric(key, name, formula, "money", "money", definition, numerator=f"{key}_minor")


#: Every metric, in the order in which it is shown.
CONTRACT: Final[tuple[Metric, ...]] = (
    _money(
        "gmv",
        "GMV (paid)",
        "sum of paid order amounts",
        "Counted at payment; later refunds do not reduce it.",
    ),
    _money("refund", "Refunds", "sum of refunded amounts", "Money paid back, whole or in part."),
    _money(
        "net_gmv",
        "Net GMV",
        "GMV − refunds",
        "What is left of GMV after every refund known at the as-of time.",
    ),
    _money(
        "discount",
        "Discounts",
        "sum of discounts",
        "What buyers saved; already taken off GMV, information only.",
    ),
    _count(
        "orders",
        "Orders",
        "paid main orders",
        "money",
        "Main orders: 3 of A and 2 of B in one basket are 1.",
    ),
    _count(
        "sku_orders",
        "SKU orders",
        "order lines of paid orders",
        "money",
        "3 of A and 2 of B in one basket are 2.",
    ),
    _count(
        "units", "Items", "pieces in paid orders", "money", "3 of A and 2 of B in one basket are 5."
    ),
    Metric(
        "aov",
        "AOV",
        "GMV ÷ orders",
        "money",
        "money",
        "Average order value over main orders.",
        "gmv_minor",
        "orders",
    ),
    Metric(
        "gpm",
        "GPM",
        "GMV ÷ views × 1,000",
        "money",
        "money",
        "GMV per thousand views.",
        "gmv_minor",
        "views",
        1000,
    ),
    Metric(
        "show_gpm",
        "Show GPM",
        "GMV ÷ product impressions × 1,000",
        "money",
        "money",
        "GMV per thousand product impressions.",
        "gmv_minor",
        "impressions",
        1000,
    ),
    _count(
        "refunds",
        "Refund records",
        "refunds",
        "money",
        "One order may be refunded in several parts.",
    ),
    _count(
        "refunded_orders",
        "Refunded orders",
        "distinct orders with a refund",
        "money",
        "Orders with at least one refund, whole or in part.",
    ),
    _count(
        "refunded_units", "Refunded items", "pieces sent back", "money", "Money without goods is 0."
    ),
    Metric(
        "refund_rate",
        "Refund rate (value)",
        "refunds ÷ GMV",
        "percent",
        "money",
        "Share of GMV that was paid back.",
        "refund_minor",
        "gmv_minor",
    ),
    Metric(
        "refunded_order_rate",
        "Refund rate (orders)",
        "refunded orders ÷ orders",
        "percent",
        "money",
        "Share of paid orders with a refund.",
        "refunded_orders",
        "orders",
    ),
    _count(
        "placed",
        "Placed orders",
        "orders + cancelled orders",
        "money",
        "Every order that was placed, paid or not.",
    ),
    _count(
        "cancelled",
        "Cancelled orders",
        "orders cancelled before payment",
        "money",
        "Placed and never paid; never part of GMV.",
    ),
    Metric(
        "cancel_rate",
        "Cancel rate",
        "cancelled orders ÷ placed orders",
        "percent",
        "money",
        "Share of placed orders that were never paid.",
        "cancelled",
        "placed",
    ),
    _count(
        "room_orders",
        "Orders, all currencies",
        "paid main orders",
        "room",
        "A count; amounts are kept apart.",
    ),
    _count(
        "room_sku_orders",
        "SKU orders, all currencies",
        "order lines of paid orders",
        "room",
        "A count.",
    ),
    _count("views", "Views", "enter events", "room", "One person may enter many times."),
    _count(
        "viewers",
        "Viewers",
        "distinct people who entered",
        "room",
        "Not additive over minutes or rooms.",
    ),
    _count("impressions", "Product impressions", "products shown", "room", "Live and replay."),
    _count("clicks", "Product clicks", "product clicks", "room", "Live and replay."),
    _count(
        "clickers",
        "Product visitors",
        "distinct people who clicked a product",
        "room",
        "Not additive over minutes or rooms.",
    ),
    _count("carts", "Add-to-carts", "products put into a cart", "room", "Additions, not pieces."),
    _count(
        "buyers",
        "Buyers",
        "distinct people with a paid order",
        "room",
        "Not additive over minutes, rooms or KOLs.",
    ),
    Metric(
        "live_ctr",
        "Live CTR",
        "product clicks ÷ views",
        "percent",
        "room",
        "Clicks per view of the room.",
        "clicks",
        "views",
    ),
    Metric(
        "product_ctr",
        "Product CTR",
        "product clicks ÷ product impressions",
        "percent",
        "room",
        "Clicks per product impression.",
        "clicks",
        "impressions",
    ),
    Metric(
        "cart_rate",
        "Cart rate",
        "add-to-carts ÷ product clicks",
        "percent",
        "room",
        "Cart additions per product click.",
        "carts",
        "clicks",
    ),
    Metric(
        "ctor_sku",
        "CTOR (SKU orders)",
        "SKU orders ÷ product clicks",
        "percent",
        "room",
        "Click-to-order rate over order lines, all currencies.",
        "room_sku_orders",
        "clicks",
    ),
    Metric(
        "ctor_main",
        "CTOR (main orders)",
        "orders ÷ product clicks",
        "percent",
        "room",
        "Click-to-order rate over main orders, all currencies.",
        "room_orders",
        "clicks",
    ),
    Metric(
        "order_rate",
        "Order rate",
        "SKU orders ÷ views",
        "percent",
        "room",
        "Order lines per view, all currencies.",
        "room_sku_orders",
        "views",
    ),
    Metric(
        "conversion",
        "Conversion",
        "buyers ÷ viewers",
        "percent",
        "room",
        "Distinct people in both places.",
        "buyers",
        "viewers",
    ),
    Metric(
        "visitor_conversion",
        "Visitor conversion",
        "buyers ÷ product visitors",
        "percent",
        "room",
        "Distinct people in both places.",
        "buyers",
        "clickers",
    ),
    _count(
        "pcu",
        "PCU",
        "highest number of viewers online at once",
        "room",
        "Peak of the running sum of live enters − leaves.",
    ),
    Metric(
        "acu",
        "ACU",
        "viewer-seconds online ÷ seconds on air",
        "average",
        "room",
        "Average of the same running sum over the show.",
        "online_seconds",
        "air_seconds",
    ),
    Metric(
        "watch_per_view",
        "Watch time per view",
        "watch time ÷ views",
        "duration",
        "room",
        "Watch time is known once a view has ended.",
        "watch_ms",
        "views",
    ),
    Metric(
        "watch_per_viewer",
        "Watch time per viewer",
        "watch time ÷ viewers",
        "duration",
        "room",
        "Watch time is known once a view has ended.",
        "watch_ms",
        "viewers",
    ),
    _count("chats", "Comments", "chat messages", "room", "Live and replay."),
    _count("chatters", "Commenters", "distinct people who commented", "room", "Not additive."),
    Metric(
        "comment_rate",
        "Comments per view",
        "comments ÷ views",
        "average",
        "room",
        "Chat messages per view.",
        "chats",
        "views",
    ),
    Metric(
        "comments_per_viewer",
        "Comments per viewer",
        "comments ÷ viewers",
        "average",
        "room",
        "Chat messages per distinct viewer.",
        "chats",
        "viewers",
    ),
    _count("likes", "Likes", "likes, batches unpacked", "room", "Live and replay."),
    _count("likers", "Likers", "distinct people who liked", "room", "Not additive."),
    Metric(
        "like_rate",
        "Likes per view",
        "likes ÷ views",
        "average",
        "room",
        "Likes per view.",
        "likes",
        "views",
    ),
    Metric(
        "likes_per_viewer",
        "Likes per viewer",
        "likes ÷ viewers",
        "average",
        "room",
        "Likes per distinct viewer.",
        "likes",
        "viewers",
    ),
)
