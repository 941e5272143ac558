"""The facts about rooms that the host's tools publish: start, shopping bag, markers, end."""

from __future__ import annotations

from typing import Any

import numpy as np

from producers import profile as profiles
from producers.batch import Batch
from producers.catalogue import Catalogue
from producers.keys import record_key
from producers.programme import Programme
from producers.record import EventDict
from producers.seeds import Ids


class Announcer:
    """Writes the events of ``live.rooms``."""

    def __init__(
        self,
        profile: profiles.Profile,
        start_ms: int,
        ids: Ids,
        catalogue: Catalogue,
        programme: Programme,
    ) -> None:
        self._profile = profile
        self._start_ms = start_ms
        self._ids = ids
        self._catalogue = catalogue
        self._programme = programme
        # Taken first, so that the length of a run does not move any other identifier.
        self._end_ids = ids.take(len(profile.rooms))

    def draw(self, batch: Batch, from_ms: int, to_ms: int) -> None:
        """Add what begins in ``[from_ms, to_ms)`` of show time, with the end of each thing."""
        for room in np.flatnonzero(
            (self._programme.opens_ms >= from_ms) & (self._programme.opens_ms < to_ms)
        ).tolist():
            self._open(batch, room)
        slots = self._programme.slots
        for slot in np.flatnonzero((slots.start_ms >= from_ms) & (slots.start_ms < to_ms)).tolist():
            self._explain(batch, slot)

    def endings(self, until_ms: int) -> list[EventDict]:
        """The end of every room that opened, in order of time.

        Args:
            until_ms: epoch milliseconds at which the run ends, and with it every open room.
        """
        ends = [
            self._event("room_ended", room, min(closes, until_ms - self._start_ms), event_id)
            for room, (opens, closes, event_id) in enumerate(
                zip(
                    self._programme.opens_ms.tolist(),
                    self._programme.closes_ms.tolist(),
                    self._end_ids,
                    strict=True,
                )
            )
            if self._start_ms + opens < until_ms
        ]
        return sorted(ends, key=lambda event: int(event["occurred_at_ms"]))

    def _open(self, batch: Batch, room: int) -> None:
        opens_ms = int(self._programme.opens_ms[room])
        settings = self._profile.rooms[room]
        self._announce(
            batch,
            "room_started",
            room,
            opens_ms,
            kol_id=settings.kol_id,
            brand=settings.brand,
            title=settings.title,
            currency=settings.currency or self._profile.currency,
        )
        for product_id, title, price_minor in zip(
            self._catalogue.product_ids[room],
            self._catalogue.titles[room],
            self._catalogue.price_minor[room].tolist(),
            strict=True,
        ):
            self._announce(
                batch,
                "product_listed",
                room,
                opens_ms,
                product_id=product_id,
                title=title,
                price_minor=price_minor,
            )

    def _explain(self, batch: Batch, slot: int) -> None:
        slots = self._programme.slots
        room, start_ms, end_ms = (
            int(column[slot]) for column in (slots.room, slots.start_ms, slots.end_ms)
        )
        product_id = self._catalogue.product_ids[room][int(slots.product[slot])]
        self._announce(batch, "product_pinned", room, start_ms, product_id=product_id)
        self._announce(batch, "explanation_started", room, start_ms, product_id=product_id)
        flash_end_ms = int(slots.flash_end_ms[slot])
        if flash_end_ms:
            self._announce(
                batch,
                "flash_sale_started",
                room,
                start_ms,
                product_id=product_id,
                price_minor=int(slots.flash_price[slot]),
            )
            if slots.has_coupon[slot]:
                self._announce(batch, "coupon_dropped", room, start_ms, coupon_id=f"c-{slot:05d}")
            self._announce(batch, "flash_sale_ended", room, flash_end_ms, product_id=product_id)
        self._announce(batch, "explanation_ended", room, end_ms, product_id=product_id)

    def _announce(
        self, batch: Batch, event_type: str, room: int, at_ms: int, **fields: Any
    ) -> None:
        event = {**self._event(event_type, room, at_ms, self._ids.take(1)[0]), **fields}
        batch.add_one(event, record_key(event))

    def _event(self, event_type: str, room: int, at_ms: int, event_id: str) -> EventDict:
        return {
            "type": event_type,
            "v": 1,
            "event_id": event_id,
            "room_id": self._profile.rooms[room].room_id,
            "occurred_at_ms": self._start_ms + at_ms,
        }
