"""The events of a live show, one JSON object per Kafka record.

Every class below is one event type; ``type`` in the JSON is its tag. The classes are the
contract: the JSON Schemas under ``schemas/json/`` are generated from them, and the golden examples
beside those are checked against both. Unknown fields are allowed on the wire, so that a newer
producer does not break an older worker; unknown types and versions are not. (The classes forbid
unknown fields only to hand such a record to the strict decoder, which drops them.)

Units: ``*_ms`` are integer milliseconds (event times since the epoch, UTC), ``*_minor`` are integer
minor units of the event's ``currency``.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

#: Event times outside of this range are unreadable. The lower bound also keeps the number of
#: monthly partitions that one insert can touch below ClickHouse's limit of 100.
EARLIEST_EVENT_MS: Final = 1_577_836_800_000  # 2020-01-01
LATEST_EVENT_MS: Final = 4_102_444_800_000  # 2100-01-01

#: No single amount may exceed this, so that a day of them still fits a signed 64-bit sum.
MAX_AMOUNT_MINOR: Final = 10**13

Id = Annotated[str, Meta(min_length=1, max_length=64)]
EpochMs = Annotated[int, Meta(ge=EARLIEST_EVENT_MS, lt=LATEST_EVENT_MS)]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$", description="ISO 4217")]
AmountMinor = Annotated[int, Meta(ge=0, le=MAX_AMOUNT_MINOR)]
PositiveMinor = Annotated[int, Meta(gt=0, le=MAX_AMOUNT_MINOR)]
Quantity = Annotated[int, Meta(gt=0, le=1_000_000)]

Source = Literal["feed", "follow", "search", "paid", "share", "qr"]
Mode = Literal["live", "replay"]
Promo = Literal["none", "flash", "coupon", "group_buy", "share", "points"]
Attribution = Literal["in_room", "click_24h", "click_7d", "click_14d"]

SOURCES: Final[tuple[Source, ...]] = ("feed", "follow", "search", "paid", "share", "qr")
PROMOS: Final[tuple[Promo, ...]] = ("none", "flash", "coupon", "group_buy", "share", "points")


class Event(
    msgspec.Struct,
    frozen=True,
    gc=False,
    kw_only=True,
    tag_field="type",
    forbid_unknown_fields=True,
):
    """What every event carries.

    Attributes:
        v: version of the event's schema.
        event_id: unique per event; a repeated one is a duplicate of the same event.
        room_id: the live stream it happened in.
        occurred_at_ms: event time.
    """

    v: Literal[1]
    event_id: Id
    room_id: Id
    occurred_at_ms: EpochMs


class PersonEvent(Event, frozen=True, gc=False, kw_only=True):
    """An event with a person acting in it."""

    user_id: Id


# --- live.rooms -----------------------------------------------------------------------------


class RoomStarted(Event, frozen=True, gc=False, kw_only=True, tag="room_started"):
    """A show goes on air."""

    kol_id: Id
    brand: Annotated[str, Meta(max_length=200)]
    title: Annotated[str, Meta(max_length=500)]
    currency: Currency


class RoomEnded(Event, frozen=True, gc=False, kw_only=True, tag="room_ended"):
    """A show goes off air."""


class ProductListed(Event, frozen=True, gc=False, kw_only=True, tag="product_listed"):
    """A product appears in the room's shopping bag."""

    product_id: Id
    title: Annotated[str, Meta(max_length=500)]
    price_minor: AmountMinor


class ProductPinned(Event, frozen=True, gc=False, kw_only=True, tag="product_pinned"):
    """The host pins a product on the screen."""

    product_id: Id


class ExplanationStarted(Event, frozen=True, gc=False, kw_only=True, tag="explanation_started"):
    """The host begins to present a product."""

    product_id: Id


class ExplanationEnded(Event, frozen=True, gc=False, kw_only=True, tag="explanation_ended"):
    """The host stops presenting a product."""

    product_id: Id


class FlashSaleStarted(Event, frozen=True, gc=False, kw_only=True, tag="flash_sale_started"):
    """A limited-time offer begins."""

    product_id: Id
    price_minor: AmountMinor


class FlashSaleEnded(Event, frozen=True, gc=False, kw_only=True, tag="flash_sale_ended"):
    """A limited-time offer ends."""

    product_id: Id


class CouponDropped(Event, frozen=True, gc=False, kw_only=True, tag="coupon_dropped"):
    """The host releases coupons."""

    coupon_id: Id


# --- live.traffic ---------------------------------------------------------------------------


class ViewerEntered(PersonEvent, frozen=True, gc=False, kw_only=True, tag="viewer_entered"):
    """One view: a person opens the room, live or as a replay."""

    source: Source
    mode: Mode


class ViewerLeft(PersonEvent, frozen=True, gc=False, kw_only=True, tag="viewer_left"):
    """A person leaves; ``watch_ms`` is how long that view lasted."""

    mode: Mode
    watch_ms: Annotated[int, Meta(ge=0, le=7 * 86_400_000)]


class ProductShown(PersonEvent, frozen=True, gc=False, kw_only=True, tag="product_shown"):
    """A product impression."""

    product_id: Id


class ProductClicked(PersonEvent, frozen=True, gc=False, kw_only=True, tag="product_clicked"):
    """A product click."""

    product_id: Id


class CartAdded(PersonEvent, frozen=True, gc=False, kw_only=True, tag="cart_added"):
    """A product goes into a cart."""

    product_id: Id
    quantity: Quantity


# --- live.chat, live.likes ------------------------------------------------------------------


class ChatSent(PersonEvent, frozen=True, gc=False, kw_only=True, tag="chat_sent"):
    """One chat message."""

    text: Annotated[str, Meta(max_length=2_000)]


class LikesSent(PersonEvent, frozen=True, gc=False, kw_only=True, tag="likes_sent"):
    """A client's batch of likes."""

    count: Annotated[int, Meta(gt=0, le=100_000)]


# --- live.purchases -------------------------------------------------------------------------


class OrderLine(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """One SKU of an order; ``paid_minor`` is the amount paid for the whole line."""

    product_id: Id
    sku_id: Id
    quantity: Quantity
    paid_minor: AmountMinor


class RefundLine(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """The part of an order that is paid back; ``quantity`` 0 means money without goods."""

    product_id: Id
    sku_id: Id
    quantity: Annotated[int, Meta(ge=0, le=1_000_000)]
    amount_minor: PositiveMinor


class OrderPaid(PersonEvent, frozen=True, gc=False, kw_only=True, tag="order_paid"):
    """An order is paid: the moment at which it counts as GMV.

    ``paid_minor`` must equal the sum over the lines; a record where it does not is unreadable.
    ``discount_minor`` is what the buyer saved, already taken off; it is information only.
    """

    order_id: Id
    kol_id: Id
    currency: Currency
    promo: Promo
    attribution: Attribution
    paid_minor: AmountMinor
    discount_minor: AmountMinor
    lines: Annotated[list[OrderLine], Meta(min_length=1, max_length=100)]


class OrderCancelled(PersonEvent, frozen=True, gc=False, kw_only=True, tag="order_cancelled"):
    """An order that was placed and never paid: counted, and never part of GMV."""

    order_id: Id
    kol_id: Id
    currency: Currency
    promo: Promo
    attribution: Attribution
    amount_minor: AmountMinor


class OrderRefunded(PersonEvent, frozen=True, gc=False, kw_only=True, tag="order_refunded"):
    """Money goes back to a buyer. It repeats the order's dimensions, so that no join is needed.

    ``amount_minor`` must equal the sum over the lines.
    """

    refund_id: Id
    order_id: Id
    kol_id: Id
    currency: Currency
    promo: Promo
    attribution: Attribution
    amount_minor: PositiveMinor
    lines: Annotated[list[RefundLine], Meta(min_length=1, max_length=100)]


RoomEvent = (
    RoomStarted
    | RoomEnded
    | ProductListed
    | ProductPinned
    | ExplanationStarted
    | ExplanationEnded
    | FlashSaleStarted
    | FlashSaleEnded
    | CouponDropped
)
TrafficEvent = ViewerEntered | ViewerLeft | ProductShown | ProductClicked | CartAdded
PurchaseEvent = OrderPaid | OrderCancelled | OrderRefunded
AnyEvent = RoomEvent | TrafficEvent | ChatSent | LikesSent | PurchaseEvent
