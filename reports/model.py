"""What a report holds.

Amounts are minor units of the currency they stand under; times are epoch milliseconds of event
time, UTC; rates are numbers, ``None`` where the denominator is zero.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from reports.contract import Measure

Finality = Literal["live", "provisional", "final"]
MarkerKind = Literal["explanation", "flash_sale", "pin", "coupon"]
PeriodName = Literal["before", "during", "after"]


class RoomListing(Struct, frozen=True, kw_only=True):
    """One room that a report can be made of."""

    room_id: str
    brand: str
    title: str
    kol_id: str
    started_at_ms: int | None
    ended_at_ms: int | None
    views: int
    orders: int


class Header(Struct, frozen=True, kw_only=True):
    """Who, what and when, and how far the figures can still move.

    Attributes:
        currency: the one that headlines are shown in.
        room_currency: the room's own, which listed prices are in; empty if its start is unknown.
        finality: ``live`` until the room has ended, ``provisional`` while refunds may still come,
            ``final`` once every purchases partition is past ``final_from_ms``.
        as_of_ms: the watermark: figures hold the events up to this event time.
        sales_as_of_ms: the watermark of the purchases alone.
        final_from_ms: end of the refund window; ``None`` while live.
    """

    room_id: str
    brand: str
    title: str
    kol_id: str
    currency: str
    room_currency: str
    started_at_ms: int | None
    ended_at_ms: int | None
    duration_ms: int | None
    finality: Finality
    as_of_ms: int | None
    sales_as_of_ms: int | None
    refund_window_days: int
    final_from_ms: int | None


class Minute(Struct, frozen=True, kw_only=True):
    """One minute of the room, apart from money.

    ``online`` is the highest running sum of live enters minus leaves within it.
    """

    minute_ms: int
    online: int
    views: int
    leaves: int
    impressions: int
    clicks: int
    carts: int
    chats: int
    likes: int


class SalesMinute(Struct, frozen=True, kw_only=True):
    """One minute of sales in one currency.

    ``refund_minor`` is booked in the minute of the refund (cash view), ``cohort_refund_minor`` in
    the minute of the sale it takes back (cohort view).
    """

    minute_ms: int
    orders: int
    sku_orders: int
    units: int
    gmv_minor: int
    cancelled: int
    refunds: int
    refund_minor: int
    cohort_refund_minor: int


class Period(Struct, frozen=True, kw_only=True):
    """Sales before, during and after the minutes of the curve; the three add up to the total."""

    period: PeriodName
    orders: int
    units: int
    gmv_minor: int
    refunds: int
    refund_minor: int
    cohort_refund_minor: int


class SalesGroup(Struct, frozen=True, kw_only=True):
    """Sales of one promo, or of one attribution rule."""

    key: str
    orders: int
    sku_orders: int
    units: int
    gmv_minor: int
    discount_minor: int
    refunds: int
    refunded_orders: int
    refund_minor: int
    net_gmv_minor: int
    aov_minor: int | None
    refund_rate: float | None
    refunded_order_rate: float | None


class ProductSales(Struct, frozen=True, kw_only=True):
    """Sales of one product in one currency. ``orders`` counts orders with a line of it."""

    product_id: str
    orders: int
    sku_orders: int
    units: int
    gmv_minor: int
    refunds: int
    refunded_units: int
    refund_minor: int
    net_gmv_minor: int
    refund_rate: float | None


class Kol(Struct, frozen=True, kw_only=True):
    """One line of a leaderboard: by net GMV, then orders, then the smaller id.

    ``views`` and ``viewers`` belong to the KOL who hosts a room; ``conversion`` is
    buyers / viewers.
    """

    rank: int
    kol_id: str
    orders: int
    units: int
    gmv_minor: int
    refund_minor: int
    net_gmv_minor: int
    buyers: int
    viewers: int
    views: int
    conversion: float | None


class CurrencySales(Struct, frozen=True, kw_only=True):
    """Everything with money, in one currency. Nothing is ever summed over two of these.

    Attributes:
        unmatched_refund_minor: refunds whose sale is not in this room's ledger; they are in the
            total and the cash view, and in no minute of the cohort view.
        show_kols: the leaderboard over all rooms of the show.
    """

    currency: str
    measures: list[Measure]
    minutes: list[SalesMinute]
    periods: list[Period]
    unmatched_refund_minor: int
    products: list[ProductSales]
    promos: list[SalesGroup]
    attributions: list[SalesGroup]
    kols: list[Kol]
    show_kols: list[Kol]


class MarkerSales(Struct, frozen=True, kw_only=True):
    """What a marked product sold while the mark was up, in one currency."""

    currency: str
    orders: int
    units: int
    gmv_minor: int


class Marker(Struct, frozen=True, kw_only=True):
    """Something the host did. ``end_ms`` is ``None`` for a moment, and for a span still open."""

    kind: MarkerKind
    start_ms: int
    end_ms: int | None
    product_id: str
    label: str
    price_minor: int | None
    clicks: int
    sales: list[MarkerSales]


class Step(Struct, frozen=True, kw_only=True):
    """One bar of a funnel. ``of_previous`` is its share of the step before, ``of_first`` of the top."""

    key: str
    name: str
    value: int
    of_previous: float | None
    of_first: float | None


class Funnel(Struct, frozen=True, kw_only=True):
    """Steps that each follow from the one before."""

    key: str
    name: str
    steps: list[Step]


class Product(Struct, frozen=True, kw_only=True):
    """One product, apart from money. CTOR is SKU orders / clicks over all currencies."""

    product_id: str
    title: str
    price_minor: int | None
    impressions: int
    clicks: int
    carts: int
    sku_orders: int
    product_ctr: float | None
    ctor_sku: float | None
    explanations: int
    explained_ms: int


class TrafficSource(Struct, frozen=True, kw_only=True):
    """Where views came from."""

    source: str
    views: int
    live_views: int
    replay_views: int
    share: float | None


class ModeTraffic(Struct, frozen=True, kw_only=True):
    """Live or replay viewing."""

    mode: str
    views: int
    leaves: int
    watch_ms: int
    watch_per_view_ms: int | None


class Difference(Struct, frozen=True, kw_only=True):
    """A minute in which windows and ledger disagree: windows minus ledger."""

    minute_ms: int
    currency: str
    orders: int
    gmv_minor: int
    refund_minor: int


class Reconciliation(Struct, frozen=True, kw_only=True):
    """The live windows against the ledger, minute by minute.

    ``minutes`` counts the minutes that were compared, in all currencies.
    """

    minutes: int
    window_orders: int
    ledger_orders: int
    differences: list[Difference]
    statement: str

    @property
    def agrees(self) -> bool:
        """Whether there was something to compare, and no difference."""
        return self.minutes > 0 and not self.differences


class Partition(Struct, frozen=True, kw_only=True):
    """Where one partition that carries the room stands; it may carry other rooms as well."""

    kafka_topic: str
    kafka_partition: int
    watermark_ms: int
    consumed: int
    folded: int
    duplicates: int
    dead_lettered: int
    late: int
    gap: int
    unaccounted: int


class DeadLetters(Struct, frozen=True, kw_only=True):
    """Records that could not be read, by reason, on the partitions that carry the room."""

    reason: str
    records: int


class Quality(Struct, frozen=True, kw_only=True):
    """What happened to the records; the counts are sums over ``partitions``."""

    consumed: int
    folded: int
    duplicates: int
    dead_lettered: int
    late: int
    gap: int
    unaccounted: int
    partitions: list[Partition]
    dead_letters: list[DeadLetters]

    @property
    def complete(self) -> bool:
        """Whether every record that was ever there is accounted for."""
        return self.gap == 0 and self.unaccounted == 0


class Report(Struct, frozen=True, kw_only=True):
    """A report of one room. ``currencies`` begins with the headline currency."""

    version: int
    header: Header
    measures: list[Measure]
    currencies: list[CurrencySales]
    minutes: list[Minute]
    markers: list[Marker]
    funnels: list[Funnel]
    products: list[Product]
    sources: list[TrafficSource]
    modes: list[ModeTraffic]
    reconciliation: Reconciliation
    quality: Quality

    @property
    def headline(self) -> CurrencySales:
        """The sales in the headline currency."""
        return self.currencies[0]

    def measure(self, key: str) -> Measure:
        """A metric of the room or of the headline currency."""
        return next(m for m in (*self.measures, *self.headline.measures) if m.key == key)
