"""What the Kafka key of a record may be: its room, or its room and something behind."""

from __future__ import annotations


def fits_room(key: bytes | None, room_id: str) -> bool:
    """Whether a record of a room may have this key.

    It may have none, the room's id, or the room's id and a fact (``room:fact``, on compacted
    topics) or a shard (``room#shard``, for a hot room). Any other key has put the record in a
    partition where nobody looks for its twin, so that its duplicates would be counted.
    """
    if not key:
        return True
    room = room_id.encode()
    return key == room or key.startswith((room + b":", room + b"#"))
