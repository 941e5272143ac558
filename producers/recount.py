"""Counts what was sent: by what the generator says, or by looking at a recording's bytes.

A recording does not say which of its records are copies or garbage. So each one is read here in
the plainest way there is, with all identities kept in memory: slow, and easy to believe.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec
import orjson

from producers.record import EventDict, Kind, OutRecord
from producers.truth import TruthBook
from schemas.events import (
    Event,
    OrderLine,
    OrderPaid,
    OrderRefunded,
    RefundLine,
)
from schemas.keys import fits_room
from schemas.money import MINOR_DIGITS
from schemas.topics import EVENT_TOPICS

_CLASS_OF: dict[tuple[str, str], type[Event]] = {
    (topic.name, str(cls.__struct_config__.tag)): cls
    for topic in EVENT_TOPICS
    for cls in topic.event_types
}

_LINE_CLASS: dict[type[msgspec.Struct], type[msgspec.Struct]] = {
    OrderPaid: OrderLine,
    OrderRefunded: RefundLine,
}
_PURCHASE_ID = {
    "order_paid": "order_id",
    "order_cancelled": "order_id",
    "order_refunded": "refund_id",
}
_MAY_CHANGE = frozenset({"event_id", "occurred_at_ms", "discount_minor"})


class Counter:
    """Fills a truth book from records, in the order in which they are sent.

    Attributes:
        book: the truth so far.
    """

    def __init__(self) -> None:
        self.book = TruthBook()
        self._seen: dict[tuple[str, str], bytes] = {}

    def count(self, record: OutRecord) -> None:
        """Count one record that has been handed to the broker."""
        sent = self.book.sent
        sent.records += 1
        kind, event = record.kind, record.event
        if kind is Kind.EVENT or kind is Kind.LATE:
            sent.events += 1
            sent.late += kind is Kind.LATE
            if event is not None:
                self.book.add(event)
        elif kind is Kind.DUPLICATE:
            sent.duplicates += 1
        elif kind is Kind.UNREADABLE:
            sent.unreadable += 1
        else:
            self._look(record)

    def _look(self, record: OutRecord) -> None:
        sent = self.book.sent
        event = read_event(record.topic, record.value)
        if event is None or not fits_room(record.key, event["room_id"]):
            sent.unreadable += 1
            return
        identity, content = _identity(record.topic, event)
        accepted = self._seen.get(identity)
        if accepted is None:
            self._seen[identity] = content
            sent.events += 1
            self.book.add(event)
        elif accepted == content:
            sent.duplicates += 1
        else:  # a purchase that comes again with other content is a conflict, and refused
            sent.unreadable += 1


def read_event(topic: str, value: bytes) -> EventDict | None:
    """The event in a record, or ``None`` if a worker must not read one in it.

    An event is JSON, fits its class in :mod:`schemas.events` (unknown fields aside), stands on its
    own topic, is in a currency that exists, and has lines that add up.
    """
    try:
        event = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(event, dict):
        return None
    event_type = event.get("type")
    event_class = _CLASS_OF.get((topic, event_type)) if isinstance(event_type, str) else None
    if event_class is None:
        return None
    try:
        typed = msgspec.convert(_known_fields(event, event_class), event_class)
    except msgspec.ValidationError:
        return None
    return event if _adds_up(typed) else None


def _identity(topic: str, event: EventDict) -> tuple[tuple[str, str], bytes]:
    """What makes an event the same as another, and what must then be equal.

    An order may be sent again with a new event id and time; what was bought must not change.
    """
    id_field = _PURCHASE_ID.get(event["type"])
    if id_field is None:
        return (topic, event["event_id"]), b""
    content = {name: field for name, field in event.items() if name not in _MAY_CHANGE}
    packed = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return (event["type"], event[id_field]), blake2b(packed, digest_size=16).digest()


def _known_fields(event: EventDict, event_class: type[msgspec.Struct]) -> EventDict:
    """The event without fields that a newer producer may have added."""
    line_class = _LINE_CLASS.get(event_class)
    known: dict[str, Any] = {
        name: event[name] for name in ("type", *event_class.__struct_fields__) if name in event
    }
    lines = known.get("lines")
    if line_class is not None and isinstance(lines, list):
        fields = line_class.__struct_fields__
        known["lines"] = [
            {name: line[name] for name in fields if name in line}
            if isinstance(line, dict)
            else line
            for line in lines
        ]
    return known


def _adds_up(event: Event) -> bool:
    if isinstance(event, OrderPaid) and event.paid_minor != sum(
        line.paid_minor for line in event.lines
    ):
        return False
    if isinstance(event, OrderRefunded) and event.amount_minor != sum(
        line.amount_minor for line in event.lines
    ):
        return False
    return getattr(event, "currency", "EUR") in MINOR_DIGITS
