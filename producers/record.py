"""One record on its way to a topic."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from typing import Any, Protocol

import msgspec

#: A decoded event: what the record's bytes say, as plain JSON types.
EventDict = dict[str, Any]


class Kind(Enum):
    """What a record is, as far as its source knows."""

    EVENT = auto()  #: the first copy of an event
    LATE = auto()  #: the first copy of an event, held back on purpose
    DUPLICATE = auto()  #: a further copy
    UNREADABLE = auto()  #: garbage
    RECORDED = auto()  #: from a recording, which does not say


class OutRecord(msgspec.Struct, frozen=True, gc=False):
    """A record, and when to send it.

    Attributes:
        due_ms: event time at which it arrives at the topic, after any delay; what pacing follows.
        topic: name of the Kafka topic.
        key: Kafka key, the room (see :func:`producers.keys.record_key`).
        value: the record's bytes.
        kind: what the record is.
        event: the event in ``value``; ``None`` for an unreadable record.
    """

    due_ms: int
    topic: str
    key: bytes
    value: bytes
    kind: Kind
    event: EventDict | None


class Source(Protocol):
    """What can be replayed: a :class:`producers.generator.Show` or a recording."""

    @property
    def name(self) -> str:
        """The profile's name or the recording's path, as it stands in the truth manifest."""
        ...

    @property
    def seed(self) -> int | None:
        """The seed of a show; ``None`` for a recording."""
        ...

    @property
    def scale(self) -> float | None:
        """The scale of a show; ``None`` for a recording."""
        ...

    @property
    def start_ms(self) -> int:
        """Event time of the first moment, epoch milliseconds."""
        ...

    @property
    def default_speed(self) -> float:
        """Seconds of event time per second of wall time, unless told otherwise."""
        ...

    def records(self, until_ms: int | None = None) -> Iterator[OutRecord]:
        """The records in the order in which they are sent; each call starts anew.

        Args:
            until_ms: event time at which the source stops; ``None`` for its natural end.
        """
        ...
