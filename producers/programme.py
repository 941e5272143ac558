"""The programme of each room: explanations one after the other, some of them drops.

Times in here are milliseconds since the start of the show.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from producers import profile as profiles
from producers.catalogue import Catalogue
from producers.seeds import Concern, generator

Ints = NDArray[np.int64]

#: Room and time in one sortable number: 2 ** 40 ms are 34 years of show.
_ROOM_STRIDE: Final = 1 << 40


class Slots:
    """The explanations of all rooms as columns, in order of room and start.

    Attributes:
        room: index of the room.
        start_ms, end_ms: when the product is presented.
        product: local index of the product.
        flash_end_ms: end of its flash sale, which starts with the explanation; 0 if it is no drop.
        flash_price_minor: unit price in the flash sale; 0 if it is no drop.
        has_coupon: whether a coupon is released with the drop.
        factor, decay_ms: surge of views at a drop; factor 1 if it is none.
    """

    def __init__(self, rows: list[tuple[int, int, int, int, int, int, bool, float, float]]) -> None:
        columns = list(zip(*rows, strict=True))
        self.room, self.start_ms, self.end_ms, self.product, self.flash_end_ms, self.flash_price = (
            np.array(column, dtype=np.int64) for column in columns[:6]
        )
        self.has_coupon = np.array(columns[6], dtype=np.bool_)
        self.factor, self.decay_ms = (np.array(column, dtype=np.float64) for column in columns[7:9])


class Programme:
    """Who presents what, when, in which room.

    Attributes:
        opens_ms, closes_ms: per room, its time on air.
        slots: the explanations of all rooms.
    """

    def __init__(self, profile: profiles.Profile, catalogue: Catalogue, seed: int) -> None:
        end_ms = profile.duration_ms
        opens = [min(end_ms, round(room.starts_after_s * 1000)) for room in profile.rooms]
        closes = [
            end_ms if room.live_s is None else min(end_ms, start + round(room.live_s * 1000))
            for room, start in zip(profile.rooms, opens, strict=True)
        ]
        self.opens_ms: Ints = np.array(opens, dtype=np.int64)
        self.closes_ms: Ints = np.array(closes, dtype=np.int64)
        self.slots = Slots(
            [
                slot
                for room in range(len(profile.rooms))
                for slot in _plan(profile, catalogue, seed, room, opens[room], closes[room])
            ]
        )
        self._starts = self.slots.room * _ROOM_STRIDE + self.slots.start_ms

    def slot_at(self, room: Ints, at_ms: Ints) -> tuple[Ints, NDArray[np.bool_]]:
        """The explanation in each room at each time, and whether there is one at all."""
        index = np.searchsorted(self._starts, room * _ROOM_STRIDE + at_ms, side="right") - 1
        index = np.maximum(index, 0)
        running = (self.slots.room[index] == room) & (at_ms < self.slots.end_ms[index])
        return index, running


def _plan(
    profile: profiles.Profile,
    catalogue: Catalogue,
    seed: int,
    room: int,
    opens_ms: int,
    closes_ms: int,
) -> list[tuple[int, int, int, int, int, int, bool, float, float]]:
    """The explanations of one room. A drop cuts the explanation before it short."""
    settings = profile.programme
    rng = generator(seed, Concern.PROGRAMME, room)
    slots = []
    at_ms = opens_ms
    # Rooms stagger their drops, or all surges of a house would fall on the same second.
    stagger_s = settings.drop_every_s * room / len(profile.rooms)
    drop_ms = opens_ms + round((settings.drop_first_after_s + stagger_s) * 1000)
    while at_ms < closes_ms:
        is_drop = at_ms >= drop_ms
        if is_drop:
            drop_ms += max(1000, round(settings.drop_every_s * 1000))
        end_ms = at_ms + max(1000, round(rng.uniform(*settings.explanation_s) * 1000))
        # A drop that the next one overtakes is skipped, not queued.
        if at_ms < drop_ms < end_ms:
            end_ms = drop_ms
        end_ms = min(end_ms, closes_ms)
        product = int(catalogue.pick(rng.random(1))[0])
        percent = rng.uniform(*settings.flash_discount_percent)
        factor = rng.uniform(*settings.drop_factor)
        decay_ms = rng.uniform(*settings.drop_decay_s) * 1000
        has_coupon = rng.random() < settings.coupon_share
        list_price = int(catalogue.price_minor[room, product])
        flash_price = max(1, int(list_price * (100 - percent) / 100))
        flash_end_ms = min(end_ms, at_ms + round(settings.flash_s * 1000))
        slots.append(
            (room, at_ms, end_ms, product, flash_end_ms, flash_price, has_coupon, factor, decay_ms)
            if is_drop
            else (room, at_ms, end_ms, product, 0, 0, False, 1.0, 1.0)
        )
        at_ms = end_ms
    return slots
