"""Scenario profiles: every ratio of a show, in one frozen model that is checked once.

Shares and probabilities lie between 0 and 1, ``*_s`` are seconds of event time, ``*_ms``
milliseconds of event time, ``*_minor`` minor units of the profile's currency, and ``*_factor``
multiply. A range is ``[lower, upper]``, drawn from uniformly. A mix gives weights, which need not
add up to 1.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from schemas.events import EARLIEST_EVENT_MS, LATEST_EVENT_MS, Attribution, Promo, Source
from schemas.money import MINOR_DIGITS

#: A duplicate comes at most this much after the original: the reach of a client that retries.
MAX_DUPLICATE_DELAY_MS: Final = 30_000


def _ordered(limits: tuple[float, float]) -> tuple[float, float]:
    if limits[0] > limits[1]:
        raise ValueError(f"the lower end {limits[0]:g} is above the upper end {limits[1]:g}")
    return limits


def _known_currency(code: str) -> str:
    if code not in MINOR_DIGITS:
        raise ValueError(f"{code!r} is not an ISO 4217 currency")
    return code


def _weights(mix: dict[str, float]) -> dict[str, float]:
    if not any(mix.values()):
        raise ValueError("at least one weight must be above 0")
    return mix


Share = Annotated[float, Field(ge=0, le=1)]
PositiveRange = Annotated[tuple[PositiveFloat, PositiveFloat], AfterValidator(_ordered)]
PercentRange = Annotated[
    tuple[Annotated[float, Field(ge=0, lt=100)], Annotated[float, Field(ge=0, lt=100)]],
    AfterValidator(_ordered),
]
MsRange = Annotated[tuple[NonNegativeFloat, NonNegativeFloat], AfterValidator(_ordered)]
Currency = Annotated[str, AfterValidator(_known_currency)]
Name = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[\w.-]+$")]
Weights = Annotated[list[NonNegativeFloat], Field(min_length=1, max_length=20)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Room(_Part):
    """One live stream. Rooms are listed by popularity: the first draws the most viewers.

    Attributes:
        currency: of its prices; the profile's when it is left out.
        price_factor: converts the catalogue's prices into the room's currency.
        starts_after_s: seconds from the start of the show to the room's start.
        live_s: seconds that it is on air; to the end of the show when it is left out.
    """

    room_id: Name
    kol_id: Name
    brand: Annotated[str, Field(max_length=200)]
    title: Annotated[str, Field(max_length=500)]
    currency: Currency | None = None
    price_factor: PositiveFloat = 1.0
    starts_after_s: NonNegativeFloat = 0.0
    live_s: PositiveFloat | None = None


class Arrivals(_Part):
    """A non-homogeneous Poisson process of views.

    Attributes:
        views_per_s: base rate of all rooms together, at scale 1 and curve 1.
        room_zipf_exponent: the room of rank r draws a share in proportion to r ** -exponent.
        curve: (part of the room's time on air, factor) points, linear in between.
        replay_factor: views after a room has ended, in replay mode, relative to its base rate.
    """

    views_per_s: PositiveFloat
    room_zipf_exponent: NonNegativeFloat
    curve: Annotated[list[tuple[Share, NonNegativeFloat]], Field(min_length=1)]
    replay_factor: NonNegativeFloat

    @model_validator(mode="after")
    def _curve_in_order(self) -> Arrivals:
        if sorted(self.curve, key=lambda point: point[0]) != self.curve:
            raise ValueError("the points of the curve must be in order of time")
        return self


class Programme(_Part):
    """What the host does: one explanation after the other, some of them drops.

    Attributes:
        explanation_s: how long a product is presented.
        drop_first_after_s: from a room's start to its first drop.
        drop_every_s: from one drop to the next.
        drop_factor: the rate of views at a drop, relative to the moment before.
        drop_decay_s: the time in which that surge falls to 1/e.
        flash_s: how long the flash sale of a drop lasts (the explanation's end closes it).
        flash_discount_percent: off the list price.
        flash_order_factor: how much likelier a cart becomes an order in a flash sale.
        coupon_share: part of the drops that release a coupon too.
    """

    explanation_s: PositiveRange
    drop_first_after_s: PositiveFloat
    drop_every_s: PositiveFloat
    drop_factor: PositiveRange
    drop_decay_s: PositiveRange
    flash_s: PositiveFloat
    flash_discount_percent: PercentRange
    flash_order_factor: PositiveFloat
    coupon_share: Share


class Catalogue(_Part):
    """Products and prices.

    Attributes:
        names: words from which product titles are made.
        products: in the whole catalogue.
        products_per_room: in one room's shopping bag; rooms may share products.
        skus_per_product: sizes or colours.
        price_median_minor, price_sigma: of the log-normal list prices, which end in 9.
        product_zipf_exponent: popularity inside a room.
        focus_share: part of the impressions that go to the product being explained.
    """

    names: Annotated[list[str], Field(min_length=1)]
    products: PositiveInt
    products_per_room: PositiveInt
    skus_per_product: PositiveInt
    price_median_minor: PositiveInt
    price_sigma: NonNegativeFloat
    product_zipf_exponent: NonNegativeFloat
    focus_share: Share

    @model_validator(mode="after")
    def _bag_fits(self) -> Catalogue:
        if self.products_per_room > self.products:
            raise ValueError("products_per_room must not exceed products")
        return self


class Viewing(_Part):
    """Who watches, and for how long.

    Attributes:
        people: size of the crowd that views are drawn from, at scale 1.
        watch_median_s, watch_sigma: of the log-normal watch time of one view.
        sources: mix of where views come from.
    """

    people: PositiveInt
    watch_median_s: PositiveFloat
    watch_sigma: NonNegativeFloat
    sources: Annotated[dict[Source, NonNegativeFloat], AfterValidator(_weights)]


class Behaviour(_Part):
    """What one view leads to: a funnel in which each step needs the one before it.

    Attributes:
        chats_per_view, like_batches_per_view: in live mode only.
        likes_per_batch: mean of a geometric distribution.
        orders_per_cart, cancels_per_cart: a cart is paid, placed and cancelled, or left alone.
    """

    impressions_per_view: NonNegativeFloat
    clicks_per_impression: Share
    carts_per_click: Share
    orders_per_cart: Share
    cancels_per_cart: Share
    chats_per_view: NonNegativeFloat
    like_batches_per_view: NonNegativeFloat
    likes_per_batch: Annotated[float, Field(ge=1, le=1_000)]

    @model_validator(mode="after")
    def _cart_has_one_end(self) -> Behaviour:
        if self.orders_per_cart + self.cancels_per_cart > 1:
            raise ValueError("orders_per_cart and cancels_per_cart must not exceed 1 together")
        return self


class Orders(_Part):
    """What is in an order.

    Attributes:
        lines: weights of 1, 2, 3 … lines.
        quantity: weights of 1, 2, 3 … pieces per line.
        promos: mix of promotions outside of flash sales.
        promo_discount_percent: what each of them takes off.
        attributions: mix for orders of live views.
        replay_attributions: mix for orders of replay views.
    """

    lines: Weights
    quantity: Weights
    promos: Annotated[dict[Promo, NonNegativeFloat], AfterValidator(_weights)]
    promo_discount_percent: dict[Promo, Annotated[float, Field(ge=0, lt=100)]]
    attributions: Annotated[dict[Attribution, NonNegativeFloat], AfterValidator(_weights)]
    replay_attributions: Annotated[dict[Attribution, NonNegativeFloat], AfterValidator(_weights)]


class Refunds(_Part):
    """Which paid orders come back.

    Attributes:
        share: of paid orders, once every refund has happened.
        delay_median_s, delay_sigma: of the log-normal time from payment to refund.
        partial_share: part of the refunds that give back less than the order.
    """

    share: Share
    delay_median_s: PositiveFloat
    delay_sigma: NonNegativeFloat
    partial_share: Share


class Noise(_Part):
    """What goes wrong between a phone and the topic. It never changes the truth.

    Attributes:
        duplicates: share of events that are sent twice.
        duplicate_delay_ms: from the first copy to the second.
        disorder_ms: each event is held back by 0 to this.
        late: share of events that are held back for long (facts about rooms never are).
        late_ms: how long those are held back.
        unreadable: garbage records, as a share of the events.
    """

    duplicates: Share
    duplicate_delay_ms: MsRange
    disorder_ms: NonNegativeFloat
    late: Share
    late_ms: MsRange
    unreadable: Share

    @model_validator(mode="after")
    def _duplicates_come_soon(self) -> Noise:
        if self.duplicate_delay_ms[1] > MAX_DUPLICATE_DELAY_MS:
            raise ValueError(f"duplicate_delay_ms must not exceed {MAX_DUPLICATE_DELAY_MS}")
        return self


class Profile(_Part):
    """One scenario.

    Attributes:
        name: as users give it.
        summary: one line for lists.
        starts_at: event time of the first moment; must carry a UTC offset.
        duration_s: event time from the first moment to the last.
        default_speed: seconds of event time per second of wall time, unless told otherwise.
        currency: of the catalogue's prices.
    """

    name: Name
    summary: str
    starts_at: datetime
    duration_s: PositiveFloat
    default_speed: PositiveFloat
    currency: Currency
    rooms: Annotated[list[Room], Field(min_length=1, max_length=10_000)]
    arrivals: Arrivals
    programme: Programme
    catalogue: Catalogue
    viewing: Viewing
    behaviour: Behaviour
    orders: Orders
    refunds: Refunds
    noise: Noise

    @property
    def start_ms(self) -> int:
        """Event time of the first moment, epoch milliseconds."""
        return round(self.starts_at.timestamp() * 1000)

    @property
    def duration_ms(self) -> int:
        """Length of the show in milliseconds of event time."""
        return round(self.duration_s * 1000)

    @model_validator(mode="after")
    def _is_consistent(self) -> Profile:
        if self.starts_at.tzinfo is None:
            raise ValueError("starts_at needs a UTC offset, as in 2026-06-18T19:00:00Z")
        if not EARLIEST_EVENT_MS <= self.start_ms <= LATEST_EVENT_MS - 2 * self.duration_ms:
            earliest = datetime.fromtimestamp(EARLIEST_EVENT_MS / 1000, UTC).date()
            latest = datetime.fromtimestamp(LATEST_EVENT_MS / 1000, UTC).date()
            raise ValueError(f"the show must lie between {earliest} and {latest}")
        room_ids = [room.room_id for room in self.rooms]
        if len(set(room_ids)) < len(room_ids):
            raise ValueError("each room needs a room_id of its own")
        for room in self.rooms:
            if room.starts_after_s >= self.duration_s:
                raise ValueError(f"room {room.room_id} would start after the end of the show")
        missing = set(self.orders.promos) - set(self.orders.promo_discount_percent)
        if missing:
            raise ValueError(f"promo_discount_percent lacks {', '.join(sorted(missing))}")
        return self
