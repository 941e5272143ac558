"""What the host does: start, end, products and markers."""

from __future__ import annotations

from schemas import topics
from schemas.events import Event
from schemas.rows import FIRST_WINS
from streams.fold import EventFold

#: Fields of ``room_event`` that some events have; the rest stay empty.
_TEXTS = ("kol_id", "brand", "title", "currency", "product_id")


class RoomsFold(EventFold):
    """Keeps every fact about a room as one row."""

    topic = topics.ROOMS
    handlers = dict.fromkeys(topics.ROOMS.event_types, "on_fact")

    def on_fact(self, event: Event, window_ms: int, late_slice: int, offset: int) -> None:
        """One fact, kept as it is; windows do not matter here."""
        self._rows["room_event"].append(
            (
                event.room_id,
                event.occurred_at_ms,
                event.event_id,
                str(event.__struct_config__.tag),
                *(getattr(event, name, "") for name in _TEXTS),
                getattr(event, "price_minor", 0),
                getattr(event, "coupon_id", ""),
                self.topic.name,
                self.partition,
                offset,
                FIRST_WINS - offset,
            )
        )
