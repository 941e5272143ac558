"""Kafka keys: what keeps the records of a room together, and its facts apart."""

from __future__ import annotations

from zlib import crc32

from producers.record import EventDict
from schemas.topics import ROOMS, TOPIC_OF_TYPE

_ONE_PER_ROOM = frozenset({"room_started", "room_ended"})


def record_key(event: EventDict) -> bytes:
    """The key of an event: its room.

    ``live.rooms`` is compacted, and Kafka keeps only the newest record of each key there. So its
    keys also name the fact: ``room:type``, ``room:type:product`` for the shopping bag, and
    ``room:event_id`` for markers, which happen many times.
    """
    room, event_type = event["room_id"], event["type"]
    if TOPIC_OF_TYPE[event_type] is not ROOMS:
        return str(room).encode()
    if event_type in _ONE_PER_ROOM:
        return f"{room}:{event_type}".encode()
    if event_type == "product_listed":
        return f"{room}:{event_type}:{event.get('product_id')}".encode()
    return f"{room}:{event['event_id']}".encode()


def spread_key(key: bytes, event: EventDict | None, shards: int) -> bytes:
    """The key of a hot room that is spread over partitions: ``room#shard``.

    The shard depends on the person only, so that an order, its copies and its refund stay in one
    partition. Events without a person, and garbage, keep their key.
    """
    if event is None or "user_id" not in event:
        return key
    return b"%s#%d" % (key, crc32(str(event["user_id"]).encode()) % shards)
