"""Turns carts into orders, cancellations and refunds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from producers import profile as profiles
from producers.catalogue import Catalogue, cumulative
from producers.programme import Ints, Programme
from producers.record import EventDict
from producers.seeds import Ids
from schemas.events import Promo

#: A year; later refunds are of no show that anyone replays.
_LONGEST_REFUND_MS: Final = 365 * 86_400_000.0


class Carts:
    """Carts that become placed orders, as columns of equal length.

    Attributes:
        room: index of the room.
        at_ms: when the order is placed and paid, milliseconds since the start of the show.
        product: local index of the product in the cart.
        user_id: who buys.
        replay: whether it was a replay view.
        paid: false for orders that are cancelled before payment.
    """

    __slots__ = ("at_ms", "paid", "product", "replay", "room", "user_id")

    def __init__(
        self,
        *,
        room: Ints,
        at_ms: Ints,
        product: Ints,
        user_id: list[str],
        replay: NDArray[np.bool_],
        paid: NDArray[np.bool_],
    ) -> None:
        self.room = room
        self.at_ms = at_ms
        self.product = product
        self.user_id = user_id
        self.replay = replay
        self.paid = paid


class OrderDesk:
    """Writes the purchase events of a show. Orders are rare, so it takes them one by one."""

    def __init__(
        self,
        profile: profiles.Profile,
        catalogue: Catalogue,
        programme: Programme,
        start_ms: int,
        ids: Ids,
    ) -> None:
        self._profile = profile
        self._catalogue = catalogue
        self._programme = programme
        self._start_ms = start_ms
        self._ids = ids
        self._rooms = profile.rooms
        self._currencies = [room.currency or profile.currency for room in profile.rooms]
        orders = profile.orders
        self._line_counts = cumulative(orders.lines)
        self._quantities = cumulative(orders.quantity)
        self._promos = list(orders.promos)
        self._promo_shares = cumulative(list(orders.promos.values()))
        self._attributions = list(orders.attributions)
        self._attribution_shares = cumulative(list(orders.attributions.values()))
        self._replay_attributions = list(orders.replay_attributions)
        self._replay_shares = cumulative(list(orders.replay_attributions.values()))

    def events(self, rng: np.random.Generator, carts: Carts) -> Iterator[tuple[int, EventDict]]:
        """The purchase events that follow from carts, as (index of the room, event)."""
        slots, running = self._programme.slot_at(carts.room, carts.at_ms)
        columns = zip(
            carts.room.tolist(),
            carts.at_ms.tolist(),
            carts.product.tolist(),
            carts.user_id,
            carts.replay.tolist(),
            carts.paid.tolist(),
            slots.tolist(),
            running.tolist(),
            self._ids.take(len(carts.user_id)),
            self._ids.take(len(carts.user_id), "o-"),
            strict=True,
        )
        for room, at_ms, product, user, replay, paid, slot, on_air, event_id, order_id in columns:
            flash_price = self._flash_price(slot, product, at_ms) if on_air else 0
            promo: Promo = "flash" if flash_price else self._promos[_draw(rng, self._promo_shares)]
            lines, list_minor = self._lines(rng, room, product, promo, flash_price)
            paid_minor = sum(line["paid_minor"] for line in lines)
            head = {
                "v": 1,
                "event_id": event_id,
                "room_id": self._rooms[room].room_id,
                "occurred_at_ms": self._start_ms + at_ms,
                "user_id": user,
                "order_id": order_id,
                "kol_id": self._rooms[room].kol_id,
                "currency": self._currencies[room],
                "promo": promo,
                "attribution": self._attribution(rng, replay),
            }
            if not paid:
                yield room, {"type": "order_cancelled", **head, "amount_minor": paid_minor}
                continue
            yield (
                room,
                {
                    "type": "order_paid",
                    **head,
                    "paid_minor": paid_minor,
                    "discount_minor": list_minor - paid_minor,
                    "lines": lines,
                },
            )
            if rng.random() < self._profile.refunds.share:
                yield room, self._refund(rng, head, lines)

    def _flash_price(self, slot: int, product: int, at_ms: int) -> int:
        """The unit price in the flash sale, 0 if this product is in none at this time."""
        slots = self._programme.slots
        if slots.product[slot] != product or at_ms >= slots.flash_end_ms[slot]:
            return 0
        return int(slots.flash_price[slot])

    def _attribution(self, rng: np.random.Generator, replay: bool) -> str:
        if replay:
            return self._replay_attributions[_draw(rng, self._replay_shares)]
        return self._attributions[_draw(rng, self._attribution_shares)]

    def _lines(
        self, rng: np.random.Generator, room: int, product: int, promo: Promo, flash_price: int
    ) -> tuple[list[dict[str, Any]], int]:
        """The lines of an order, and what they would cost at list prices."""
        catalogue = self._catalogue
        count = 1 + _draw(rng, self._line_counts)
        products = [product, *catalogue.pick(rng.random(count - 1)).tolist()]
        percent = self._profile.orders.promo_discount_percent.get(promo, 0.0)
        lines: dict[str, dict[str, Any]] = {}
        list_minor = 0
        for local in products:
            product_id = catalogue.product_ids[room][local]
            sku_id = (
                f"{product_id}-{1 + int(rng.integers(self._profile.catalogue.skus_per_product))}"
            )
            if sku_id in lines:  # a SKU stands on one line; the second draw of it is dropped
                continue
            quantity = 1 + _draw(rng, self._quantities)
            unit_minor = int(catalogue.price_minor[room, local])
            list_minor += unit_minor * quantity
            if flash_price and local == product:
                paid_minor = flash_price * quantity
            else:
                # Kept above zero, for a line of no value could not be refunded.
                paid_minor = max(1, round(unit_minor * quantity * (100 - percent) / 100))
            lines[sku_id] = {
                "product_id": product_id,
                "sku_id": sku_id,
                "quantity": quantity,
                "paid_minor": paid_minor,
            }
        return list(lines.values()), list_minor

    def _refund(
        self, rng: np.random.Generator, order: EventDict, lines: list[dict[str, Any]]
    ) -> EventDict:
        """A refund of an order, in full or in part. It may come after the end of the show."""
        settings = self._profile.refunds
        spread = np.exp(settings.delay_sigma * rng.standard_normal())
        delay_ms = min(_LONGEST_REFUND_MS, 1000 * settings.delay_median_s * spread)
        partial = rng.random() < settings.partial_share
        returned = [_part_of(lines)] if partial else [_whole(line) for line in lines]
        return {
            "type": "order_refunded",
            **order,
            "event_id": self._ids.take(1)[0],
            "occurred_at_ms": order["occurred_at_ms"] + 1 + int(delay_ms),
            "refund_id": self._ids.take(1, "r-")[0],
            "amount_minor": sum(line["amount_minor"] for line in returned),
            "lines": returned,
        }


def _draw(rng: np.random.Generator, shares: NDArray[np.float64]) -> int:
    return int(np.searchsorted(shares, rng.random(), side="right"))


def _whole(line: dict[str, Any]) -> dict[str, Any]:
    return {
        "product_id": line["product_id"],
        "sku_id": line["sku_id"],
        "quantity": line["quantity"],
        "amount_minor": line["paid_minor"],
    }


def _part_of(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Less than the order: one of several lines, one of several pieces, or money for a flaw."""
    line = lines[-1]
    if len(lines) > 1:
        return _whole(line)
    if line["quantity"] > 1:
        return {
            **_whole(line),
            "quantity": 1,
            "amount_minor": max(1, line["paid_minor"] // line["quantity"]),
        }
    return {**_whole(line), "quantity": 0, "amount_minor": max(1, line["paid_minor"] // 5)}
