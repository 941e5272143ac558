"""The Kafka topics and which events each of them carries."""

from __future__ import annotations

from dataclasses import dataclass
from types import UnionType
from typing import Final, get_args

from schemas import events
from schemas.events import Event


@dataclass(frozen=True)
class Topic:
    """One Kafka topic.

    Attributes:
        name: its name in Kafka.
        events: the union of event classes it carries; ``None`` for raw bytes.
        compacted: whether Kafka keeps only the newest record of each key.
    """

    name: str
    events: type | UnionType | None
    compacted: bool = False

    @property
    def event_types(self) -> tuple[type[Event], ...]:
        """The event classes, in the order in which they are declared."""
        return get_args(self.events) or ((self.events,) if isinstance(self.events, type) else ())


ROOMS: Final = Topic("live.rooms", events.RoomEvent, compacted=True)
TRAFFIC: Final = Topic("live.traffic", events.TrafficEvent)
CHAT: Final = Topic("live.chat", events.ChatSent)
LIKES: Final = Topic("live.likes", events.LikesSent)
PURCHASES: Final = Topic("live.purchases", events.PurchaseEvent)
DEAD_LETTERS: Final = Topic("live.deadletters", None)

#: The topics that are folded, in the order in which they are shown.
EVENT_TOPICS: Final[tuple[Topic, ...]] = (ROOMS, TRAFFIC, CHAT, LIKES, PURCHASES)
ALL_TOPICS: Final[tuple[Topic, ...]] = (*EVENT_TOPICS, DEAD_LETTERS)

#: Between workers: the KOL totals that the leaderboard agent merges. One partition, no events.
KOL_TOTALS: Final = "liveshop.kol-totals"

#: The ``type`` tag of an event → the topic that carries it.
TOPIC_OF_TYPE: Final[dict[str, Topic]] = {
    str(cls.__struct_config__.tag): topic for topic in EVENT_TOPICS for cls in topic.event_types
}
