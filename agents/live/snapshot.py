"""What one second of the live page consists of; serialised as it stands by orjson.

Amounts of money are strings of minor units beside their formatted text, because a JavaScript
number is exact only up to 2^53 and a big day in a small currency goes beyond.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agents.live.trust import Trust, Verdict
from schemas.money import MINOR_DIGITS, format_minor

State = Literal["waiting", "live", "ended"]


@dataclass(frozen=True)
class Money:
    """An exact amount: integer of minor units (as a string), and the same for people."""

    currency: str
    minor: str
    text: str

    @classmethod
    def of(cls, amount_minor: int, currency: str) -> Money:
        """Build it from minor units."""
        return cls(currency, str(amount_minor), format_minor(amount_minor, currency))


@dataclass(frozen=True)
class Sales:
    """The sales of a scope in one currency.

    Attributes:
        digits: how many digits the currency's minor unit has.
        gmv: GMV (paid): counted at payment, not reduced by refunds.
        net: GMV - refunds.
        aov: GMV / main orders, rounded half up to a minor unit; None without orders.
        orders: main orders paid.
        units: items sold.
    """

    currency: str
    digits: int
    gmv: Money
    net: Money
    refunded: Money
    aov: Money | None
    orders: int
    units: int
    refunds: int

    @classmethod
    def of(
        cls,
        currency: str,
        *,
        gmv_minor: int,
        refund_minor: int,
        orders: int,
        units: int,
        refunds: int,
    ) -> Sales:
        """Derive net GMV and AOV from the sums."""
        aov_minor = (2 * gmv_minor + orders) // (2 * orders) if orders else None
        return cls(
            currency=currency,
            digits=MINOR_DIGITS[currency],
            gmv=Money.of(gmv_minor, currency),
            net=Money.of(gmv_minor - refund_minor, currency),
            refunded=Money.of(refund_minor, currency),
            aov=None if aov_minor is None else Money.of(aov_minor, currency),
            orders=orders,
            units=units,
            refunds=refunds,
        )


@dataclass(frozen=True)
class Activity:
    """What people do in a scope.

    Attributes:
        views: times that somebody entered.
        online: entered and not left, in the rooms on air.
        likes: likes given.
        chats: chat messages.
        viewers: unique people who entered.
        buyers: unique people who paid for an order.
        conversion: buyers / viewers, for people; None without viewers.
    """

    views: int = 0
    online: int = 0
    likes: int = 0
    chats: int = 0
    viewers: int = 0
    buyers: int = 0
    conversion: str | None = None


@dataclass(frozen=True)
class Line:
    """One currency's values per minute, oldest first; the last minute is still filling."""

    orders: list[int]
    gmv_minor: list[int]


@dataclass(frozen=True)
class Scope:
    """All rooms together (``room_id`` empty), or one room."""

    room_id: str
    title: str
    brand: str
    kol_id: str
    on_air: bool
    activity: Activity
    sales: list[Sales]
    lines: dict[str, Line]


@dataclass(frozen=True)
class Standing:
    """One KOL on a board.

    Attributes:
        change: places gained since the ranking before (negative: lost); None when new on the
            board or unknown.
        is_new: whether the KOL was not ranked before.
    """

    rank: int
    kol_id: str
    change: int | None
    is_new: bool
    orders: int
    order_rate: str | None
    gmv: Money
    net: Money


@dataclass(frozen=True)
class Board:
    """A leaderboard: the best KOLs of a time span in one currency.

    Attributes:
        span: ``5m``, ``1h``, ``show`` or ``today``.
        ranked_by: ``net_gmv``, ``orders`` or ``order_rate``.
        at_ms: the moment that it describes; 0 when it describes the figures of now.
    """

    span: str
    ranked_by: str
    currency: str
    at_ms: int
    standings: list[Standing]


@dataclass(frozen=True)
class Provenance:
    """The trust line, and what it rests on."""

    verdict: Verdict
    worker: Trust
    partitions: int
    consumed: int
    late: int
    duplicates: int
    dead_lettered: int
    gap: int
    unaccounted: int
    differences: int


@dataclass(frozen=True)
class Snapshot:
    """Everything that the page shows.

    Attributes:
        state: whether a show is on air.
        as_of_ms: event time up to which the figures are complete (the newest watermark).
        first_minute_s: event time of the first point of every line.
        currencies: by number of orders, largest first.
        total: all rooms together.
        rooms: the rooms that are listed: on air first, then by orders.
        rooms_known: how many rooms there are.
    """

    state: State
    as_of_ms: int
    first_minute_s: int
    currencies: list[str]
    trust: Provenance
    total: Scope
    rooms: list[Scope]
    rooms_known: int
    rooms_on_air: int
    boards: list[Board]
