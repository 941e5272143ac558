"""Events of one slice of time on their way from the audience to the topics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from producers.record import EventDict
from schemas.topics import TOPIC_OF_TYPE

_TOPIC_NAME: Final = {tag: topic.name for tag, topic in TOPIC_OF_TYPE.items()}


class Batch:
    """Growing columns: events, the moments at which they happen, their topics and keys.

    Attributes:
        events, topics, keys: lists of equal length.
    """

    def __init__(self) -> None:
        self.events: list[EventDict] = []
        self.topics: list[str] = []
        self.keys: list[bytes] = []
        self._occurred: list[NDArray[np.int64]] = []

    def __len__(self) -> int:
        return len(self.events)

    def add(
        self,
        event_type: str,
        events: list[EventDict],
        occurred_ms: NDArray[np.int64],
        keys: Iterable[bytes],
    ) -> None:
        """Add events of one type; ``occurred_ms`` and ``keys`` belong to them one by one."""
        self.events += events
        self.topics += [_TOPIC_NAME[event_type]] * len(events)
        self.keys += keys
        self._occurred.append(occurred_ms)

    def add_one(self, event: EventDict, key: bytes) -> None:
        """Add a single event."""
        self.add(event["type"], [event], np.array([event["occurred_at_ms"]]), (key,))

    def occurred_ms(self) -> NDArray[np.int64]:
        """When each event happens, epoch milliseconds."""
        return np.concatenate(self._occurred) if self._occurred else np.empty(0, dtype=np.int64)
