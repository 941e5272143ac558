"""Bytes to events, twice: fast for records as they should be, strict for an odd one among them.

The fast decoder parses and validates in one step and gives up at a record it does not like. The
strict decoder then takes that record, parses it with another parser, drops unknown fields, and
gives a reason if it refuses it; the fast one goes on behind it. On every record that the fast one
accepts, the two agree; a property test holds them to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Union

import msgspec
import orjson

from schemas.events import Event, OrderLine, OrderPaid, OrderRefunded, RefundLine
from schemas.money import MINOR_DIGITS
from schemas.topics import EVENT_TOPICS, TOPIC_OF_TYPE, Topic


class Rejected(NamedTuple):
    """A record that cannot be folded.

    Attributes:
        reason: one word of a small closed set (``agents.metrics.DEAD_LETTER_REASONS``).
        detail: what exactly was wrong, for people.
    """

    reason: str
    detail: str


def _with_money(event: Event) -> Event | Rejected:
    """Check what a type cannot say: the lines add up, and the currency exists."""
    if isinstance(event, OrderPaid):
        total, stated = sum(line.paid_minor for line in event.lines), event.paid_minor
    elif isinstance(event, OrderRefunded):
        total, stated = sum(line.amount_minor for line in event.lines), event.amount_minor
    else:
        total = stated = 0
    if total != stated:
        return Rejected("sum_mismatch", f"the lines sum to {total}, the event says {stated}")
    currency: str | None = getattr(event, "currency", None)
    if currency is not None and currency not in MINOR_DIGITS:
        return Rejected("unknown_currency", f"{currency} is not an ISO 4217 code")
    return event


_FIELDS: dict[type[Event], frozenset[str]] = {
    cls: frozenset(("type", *cls.__struct_fields__))
    for topic in EVENT_TOPICS
    for cls in topic.event_types
}
_LINE_FIELDS: dict[type[Event], frozenset[str]] = {
    OrderPaid: frozenset(OrderLine.__struct_fields__),
    OrderRefunded: frozenset(RefundLine.__struct_fields__),
}


def _only(content: dict[str, Any], fields: frozenset[str]) -> dict[str, Any]:
    """An object without the fields that nobody knows."""
    if content.keys() <= fields:
        return content
    return {key: value for key, value in content.items() if key in fields}


class _Nothing(msgspec.Struct, frozen=True, tag_field="type", tag=""):
    """Makes a union of a topic with one event type: only in a union is ``type`` required."""

    def __post_init__(self) -> None:
        raise ValueError("no event has an empty type")


#: What the fast decoder raises at a record that it leaves to the strict one.
GIVES_UP = (msgspec.MsgspecError, TypeError, UnicodeDecodeError, RecursionError)


class Decoder:
    """Decodes the records of one topic. Stateless between calls."""

    def __init__(self, topic: Topic) -> None:
        parse: Callable[[Any], Event] = msgspec.json.Decoder(
            Union[(*topic.event_types, _Nothing)]
        ).decode
        has_money = any("currency" in cls.__struct_fields__ for cls in topic.event_types)
        #: Decodes one well-formed record; raises one of :data:`GIVES_UP` at any other.
        self.fast: Callable[[Any], Event | Rejected] = (
            (lambda value: _with_money(parse(value))) if has_money else parse
        )
        self._classes = {str(cls.__struct_config__.tag): cls for cls in topic.event_types}

    def __call__(self, values: Sequence[bytes | None]) -> Sequence[Event | Rejected]:
        """Decode a batch; the result is as long as ``values``. Never raises on bad bytes."""
        events: list[Event | Rejected] = []
        decoded = map(self.fast, values)
        while len(events) < len(values):
            try:
                # A loop without a loop: it keeps what was decoded before the odd record.
                events.extend(decoded)
            except GIVES_UP:
                events.append(self.strict(values[len(events)]))
        return events

    def strict(self, value: bytes | None) -> Event | Rejected:
        """Decode one record, with a reason where that fails. Never raises on bad bytes."""
        if not value:
            return Rejected("empty", "the record has no value")
        try:
            content = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            return Rejected("not_json", str(error))
        if not isinstance(content, dict):
            return Rejected("not_an_event", "not a JSON object")
        tag = content.get("type")
        if not isinstance(tag, str):
            return Rejected("not_an_event", "no field `type`")
        cls = self._classes.get(tag)
        if cls is None:
            topic = TOPIC_OF_TYPE.get(tag)
            if topic is None:
                return Rejected("unknown_type", repr(tag[:64]))
            return Rejected("wrong_topic", f"`{tag}` belongs to {topic.name}")
        version = content.get("v")
        if type(version) is int and version != 1:
            return Rejected("unknown_version", f"version {version}")
        return self._convert(content, cls)

    def _convert(self, content: dict[str, Any], cls: type[Event]) -> Event | Rejected:
        known = _only(content, _FIELDS[cls])
        lines, line_fields = known.get("lines"), _LINE_FIELDS.get(cls)
        if line_fields and isinstance(lines, list):
            known["lines"] = [
                _only(line, line_fields) if isinstance(line, dict) else line for line in lines
            ]
        try:
            event = msgspec.convert(known, cls)
        except msgspec.ValidationError as error:
            return Rejected("invalid_field", str(error))
        return _with_money(event)
