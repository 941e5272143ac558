"""The truth book: what every total must be, added up event by event from what was meant.

It shares no code with the fold. It sees each distinct event once; telling copies and garbage from
distinct events is left to the generator, which knows, or to :mod:`producers.recount`, which looks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from producers.record import EventDict
from schemas.truth import Money, Room, Sent, Truth

_ByCurrency = defaultdict[str, Money]


class _Tally:
    """One room's counts, and the people behind them."""

    __slots__ = (
        "buyers",
        "carts",
        "chats",
        "chatters",
        "clickers",
        "clicks",
        "impressions",
        "leaves",
        "likers",
        "likes",
        "viewers",
        "views",
        "watch_ms",
    )

    def __init__(self) -> None:
        self.views = self.leaves = self.watch_ms = 0
        self.impressions = self.clicks = self.carts = self.chats = self.likes = 0
        self.viewers: set[str] = set()
        self.chatters: set[str] = set()
        self.likers: set[str] = set()
        self.clickers: set[str] = set()
        self.buyers: set[str] = set()

    def result(self) -> Room:
        return Room(
            views=self.views,
            leaves=self.leaves,
            watch_ms=self.watch_ms,
            impressions=self.impressions,
            clicks=self.clicks,
            carts=self.carts,
            chats=self.chats,
            likes=self.likes,
            unique_viewers=len(self.viewers),
            unique_chatters=len(self.chatters),
            unique_likers=len(self.likers),
            unique_clickers=len(self.clickers),
            unique_buyers=len(self.buyers),
        )


class TruthBook:
    """Adds up distinct events.

    Attributes:
        sent: counts of records, kept by whoever sends them.
    """

    def __init__(self) -> None:
        self.sent = Sent()
        self._total: _ByCurrency = defaultdict(Money)
        self._by_room: defaultdict[str, _ByCurrency] = defaultdict(lambda: defaultdict(Money))
        self._by_kol: defaultdict[str, _ByCurrency] = defaultdict(lambda: defaultdict(Money))
        self._by_product: defaultdict[str, _ByCurrency] = defaultdict(lambda: defaultdict(Money))
        self._by_promo: defaultdict[str, _ByCurrency] = defaultdict(lambda: defaultdict(Money))
        self._rooms: defaultdict[str, _Tally] = defaultdict(_Tally)
        self._first_currency = ""
        self._adders: dict[str, Callable[[EventDict], None]] = {
            "room_started": self._room_started,
            "viewer_entered": self._entered,
            "viewer_left": self._left,
            "product_shown": self._shown,
            "product_clicked": self._clicked,
            "cart_added": self._carted,
            "chat_sent": self._chatted,
            "likes_sent": self._liked,
            "order_paid": self._paid,
            "order_cancelled": self._cancelled,
            "order_refunded": self._refunded,
        }

    def add(self, event: EventDict) -> None:
        """Add one distinct, readable event. Types that change no total are ignored."""
        adder = self._adders.get(event["type"])
        if adder is not None:
            adder(event)

    def truth(
        self, *, source: str, seed: int | None, scale: float | None, start_ms: int, end_ms: int
    ) -> Truth:
        """The manifest of what has been added so far. The arguments stand in it as they are."""
        return Truth(
            source=source,
            seed=seed,
            scale=scale,
            start_ms=start_ms,
            end_ms=end_ms,
            currency=self._headline_currency(),
            sent=self.sent,
            total=dict(self._total),
            by_room=_plain(self._by_room),
            by_kol=_plain(self._by_kol),
            by_product=_plain(self._by_product),
            by_promo=_plain(self._by_promo),
            rooms={room_id: tally.result() for room_id, tally in self._rooms.items()},
            kol_ranking=self._kol_ranking(),
        )

    def _headline_currency(self) -> str:
        if not self._total:
            return self._first_currency
        return min(self._total, key=lambda code: (-self._total[code].gmv_minor, code))

    def _kol_ranking(self) -> dict[str, list[str]]:
        ranking: dict[str, list[str]] = {}
        for currency in self._total:
            sellers = [
                (money.refund_minor - money.gmv_minor, -money.orders, kol_id)
                for kol_id, by_currency in self._by_kol.items()
                if (money := by_currency.get(currency)) is not None
            ]
            ranking[currency] = [kol_id for _net, _orders, kol_id in sorted(sellers)]
        return ranking

    def _room_started(self, event: EventDict) -> None:
        self._first_currency = self._first_currency or event["currency"]

    def _entered(self, event: EventDict) -> None:
        tally = self._rooms[event["room_id"]]
        tally.views += 1
        tally.viewers.add(event["user_id"])

    def _left(self, event: EventDict) -> None:
        tally = self._rooms[event["room_id"]]
        tally.leaves += 1
        tally.watch_ms += event["watch_ms"]

    def _shown(self, event: EventDict) -> None:
        self._rooms[event["room_id"]].impressions += 1

    def _clicked(self, event: EventDict) -> None:
        tally = self._rooms[event["room_id"]]
        tally.clicks += 1
        tally.clickers.add(event["user_id"])

    def _carted(self, event: EventDict) -> None:
        self._rooms[event["room_id"]].carts += 1

    def _chatted(self, event: EventDict) -> None:
        tally = self._rooms[event["room_id"]]
        tally.chats += 1
        tally.chatters.add(event["user_id"])

    def _liked(self, event: EventDict) -> None:
        tally = self._rooms[event["room_id"]]
        tally.likes += event["count"]
        tally.likers.add(event["user_id"])

    def _paid(self, event: EventDict) -> None:
        self._rooms[event["room_id"]].buyers.add(event["user_id"])
        units = sum(line["quantity"] for line in event["lines"])
        for money in self._groups(event):
            money.orders += 1
            money.sku_orders += len(event["lines"])
            money.units += units
            money.gmv_minor += event["paid_minor"]
            money.discount_minor += event["discount_minor"]
        for money, line in self._product_lines(event):
            money.sku_orders += 1
            money.units += line["quantity"]
            money.gmv_minor += line["paid_minor"]
        for money in self._products(event):
            money.orders += 1

    def _cancelled(self, event: EventDict) -> None:
        for money in self._groups(event):
            money.cancelled += 1

    def _refunded(self, event: EventDict) -> None:
        units = sum(line["quantity"] for line in event["lines"])
        for money in self._groups(event):
            money.refunds += 1
            money.refunded_units += units
            money.refund_minor += event["amount_minor"]
        for money, line in self._product_lines(event):
            money.refunded_units += line["quantity"]
            money.refund_minor += line["amount_minor"]
        for money in self._products(event):
            money.refunds += 1

    def _groups(self, event: EventDict) -> tuple[Money, ...]:
        """The sums that a purchase event belongs to as a whole."""
        currency = event["currency"]
        return (
            self._total[currency],
            self._by_room[event["room_id"]][currency],
            self._by_kol[event["kol_id"]][currency],
            self._by_promo[event["promo"]][currency],
        )

    def _product_lines(self, event: EventDict) -> list[tuple[Money, dict[str, Any]]]:
        """Each line, with the sums of its product."""
        currency = event["currency"]
        return [(self._by_product[line["product_id"]][currency], line) for line in event["lines"]]

    def _products(self, event: EventDict) -> list[Money]:
        """The sums of each product of a purchase event, once per product."""
        product_ids = {line["product_id"] for line in event["lines"]}
        return [self._by_product[product_id][event["currency"]] for product_id in product_ids]


def _plain(groups: defaultdict[str, _ByCurrency]) -> dict[str, dict[str, Money]]:
    return {name: dict(by_currency) for name, by_currency in groups.items()}
