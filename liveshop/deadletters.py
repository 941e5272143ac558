"""Dead letters in the store: to find them, to look at them safely, and to send them again.

The bytes of a dead letter are hostile until proven otherwise. :func:`safe` is what stands between
them and a terminal; nothing else here turns them into text.
"""

from __future__ import annotations

import difflib
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from agents.metrics import DEAD_LETTER_REASONS
from liveshop.console import safe
from producers.connection import answering
from schemas.errors import Unavailable, UsageError
from schemas.kafka_security import PLAINTEXT, KafkaSecurity
from schemas.store import Params, Row, Store
from schemas.topics import EVENT_TOPICS

#: Bytes of a record that a list shows.
PREVIEW_BYTES: Final = 90
#: Letters that are read, and sent, at once.
_AT_ONCE: Final = 200
#: A worker folds records of any size; what the broker took once, it may take again.
_MAX_REQUEST_BYTES: Final = 64 * 1024 * 1024
_HEX_COLUMNS: Final = 16

_PLACE: Final = "kafka_topic, kafka_partition, kafka_offset"
_CHOSEN: Final = (
    " FROM dead_letter FINAL"
    " WHERE (%(topic)s = '' OR kafka_topic = %(topic)s)"
    " AND (%(reason)s = '' OR reason = %(reason)s)"
)
LIST: Final = (
    f"SELECT {_PLACE}, appended_at_ms, reason, detail, key, length(value) AS length,"
    " substring(value, -2) AS ending, substring(value, 1, %(preview)s) AS beginning"
    f"{_CHOSEN} ORDER BY appended_at_ms DESC, {_PLACE} DESC LIMIT %(limit)s"
)
GROUP: Final = (
    "SELECT kafka_topic, reason, count() AS letters, max(appended_at_ms) AS newest_ms,"
    " argMax(kafka_partition, (appended_at_ms, kafka_partition, kafka_offset)) AS partition,"
    " argMax(kafka_offset, (appended_at_ms, kafka_partition, kafka_offset)) AS offset,"
    " argMax(detail, (appended_at_ms, kafka_partition, kafka_offset)) AS example"
    f"{_CHOSEN} GROUP BY kafka_topic, reason ORDER BY letters DESC, kafka_topic, reason"
)
ONE: Final = (
    "SELECT kafka_topic, kafka_partition, kafka_offset, appended_at_ms, reason, detail, key, value"
    " FROM dead_letter FINAL WHERE kafka_topic = %(topic)s AND kafka_partition = %(partition)s"
    " AND kafka_offset = %(offset)s"
)
#: A letter that was sent again in vain is there twice; it is sent once.
TO_REPLAY: Final = (
    "SELECT kafka_topic, kafka_partition, min(dead_letter.kafka_offset) AS kafka_offset"
    f"{_CHOSEN} AND value != '' GROUP BY kafka_topic, kafka_partition, key, value"
    f" ORDER BY {_PLACE} LIMIT %(limit)s"
)
THEIR_BYTES: Final = (
    "SELECT kafka_topic, kafka_partition, kafka_offset, key, value FROM dead_letter FINAL"
    " WHERE kafka_topic = %(topic)s AND kafka_partition = %(partition)s"
    " AND kafka_offset IN %(offsets)s ORDER BY kafka_offset"
)


@dataclass(frozen=True)
class Place:
    """Where a record stood."""

    topic: str
    partition: int
    offset: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``TOPIC/PARTITION/OFFSET``.

        Raises:
            UsageError: it is something else.
        """
        topic, *numbers = text.rsplit("/", 2)
        if len(numbers) == 2 and all(n.isascii() and n.isdigit() and len(n) < 19 for n in numbers):
            return cls(topic, int(numbers[0]), int(numbers[1]))
        raise UsageError(
            f"{safe(text)} is not the place of a record.",
            "Give TOPIC/PARTITION/OFFSET, as in live.purchases/3/1729.",
        )

    def __str__(self) -> str:
        return f"{safe(self.topic)}/{self.partition}/{self.offset}"


@dataclass(frozen=True)
class Selection:
    """Which letters: of a topic, for a reason, at most so many. ``None`` is any or all."""

    topic: str | None = None
    reason: str | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        _one_of("topic", self.topic, [topic.name for topic in EVENT_TOPICS])
        _one_of("reason", self.reason, DEAD_LETTER_REASONS)
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"--limit cannot be {self.limit}.", "Give a number above 0.")

    @property
    def params(self) -> dict[str, str | int]:
        """For the queries above."""
        everything = 2**62
        return {
            "topic": self.topic or "",
            "reason": self.reason or "",
            "limit": everything if self.limit is None else self.limit,
        }


def _one_of(option: str, value: str | None, known: Sequence[str]) -> None:
    if value is None or value in known:
        return
    meant = difflib.get_close_matches(value, known, n=1)
    hint = f"Did you mean {meant[0]}?" if meant else f"There are {', '.join(known)}."
    raise UsageError(f"There is no {option} {safe(value)}.", hint)


@dataclass(frozen=True)
class Letter:
    """A dead letter, or the beginning of one.

    Attributes:
        place: where the record stood.
        appended_ms: its broker timestamp, epoch milliseconds.
        reason: why it was not folded.
        detail: the same in more words; may quote the record.
        key: its key; empty for none.
        value: its bytes, or the first of them.
        size: how many there are.
    """

    place: Place
    appended_ms: int
    reason: str
    detail: str
    key: bytes
    value: bytes
    size: int


@dataclass(frozen=True)
class Group:
    """The letters of one topic and reason; ``example`` is the newest."""

    topic: str
    reason: str
    letters: int
    newest_ms: int
    example: Place
    detail: str


# --- reading ----------------------------------------------------------------------------------


def list_letters(store: Store, which: Selection) -> list[Letter]:
    """The chosen letters, newest first, with the first ``PREVIEW_BYTES`` of their values."""
    params: Params = {**which.params, "preview": PREVIEW_BYTES // 3 * 4}
    return [
        _letter(row, row["beginning"], _decoded_size(int(row["length"]), str(row["ending"])))
        for row in store.query(LIST, params)
    ]


def group_letters(store: Store, which: Selection) -> list[Group]:
    """How many of the chosen letters there are, by topic and reason, most first."""
    return [
        Group(
            str(row["kafka_topic"]),
            str(row["reason"]),
            int(row["letters"]),
            int(row["newest_ms"]),
            Place(str(row["kafka_topic"]), int(row["partition"]), int(row["offset"])),
            str(row["example"]),
        )
        for row in store.query(GROUP, which.params)
    ]


def find_letter(store: Store, place: Place) -> Letter:
    """One letter, with all of its bytes.

    Raises:
        UsageError: there is none at that place.
    """
    params: Params = {"topic": place.topic, "partition": place.partition, "offset": place.offset}
    rows = store.query(ONE, params)
    if not rows:
        raise UsageError(
            f"There is no dead letter at {place}.", "`liveshop deadletters` lists them."
        )
    whole = str(rows[0]["value"])
    return _letter(rows[0], whole, _decoded_size(len(whole), whole[-2:]))


def _letter(row: Row, value: str, size: int) -> Letter:
    return Letter(
        place=_place(row),
        appended_ms=int(row["appended_at_ms"]),
        reason=str(row["reason"]),
        detail=str(row["detail"]),
        key=b64decode(str(row["key"])),
        value=b64decode(value),
        size=size,
    )


def _place(row: Row) -> Place:
    return Place(str(row["kafka_topic"]), int(row["kafka_partition"]), int(row["kafka_offset"]))


def _decoded_size(length: int, ending: str) -> int:
    return length // 4 * 3 - ending.count("=")


# --- showing ----------------------------------------------------------------------------------


def hexdump(content: bytes) -> Iterator[str]:
    """Lines of offset, bytes and their ASCII characters, as ``hexdump -C`` writes them."""
    for start in range(0, len(content), _HEX_COLUMNS):
        line = content[start : start + _HEX_COLUMNS]
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in line)
        yield f"{start:08x}  {line.hex(' '):<{_HEX_COLUMNS * 3}} |{shown}|"


def counted(number: int) -> str:
    """So many dead letters, in words."""
    return f"{number:,} dead letter{'' if number == 1 else 's'}"


# --- sending again ----------------------------------------------------------------------------


def to_replay(store: Store, which: Selection) -> list[Place]:
    """The chosen letters that have bytes, in the order of the log, each content once."""
    return [_place(row) for row in store.query(TO_REPLAY, which.params)]


async def replay(
    store: Store,
    places: Sequence[Place],
    bootstrap: str,
    security: KafkaSecurity = PLAINTEXT,
) -> int:
    """Publish letters again, as they were, to the partition they came from.

    They keep their key and their partition: what remembers an event stands there, so an event that
    was folded in the meantime, or is replayed twice, is recognised. The broker gives them a new
    timestamp. One whose cause is not mended comes back as a new dead letter.

    Args:
        store: where the letters are.
        places: which; in the order of the log.
        bootstrap: the broker.
        security: how to connect.

    Returns:
        How many the broker has acknowledged: all.

    Raises:
        Unavailable: the broker does not answer, or does not take a record.
        UsageError: it has no such partition any more.
    """
    sent = 0
    async with _producer(bootstrap, security) as producer:
        for topic, partition in dict.fromkeys((place.topic, place.partition) for place in places):
            if partition not in await producer.partitions_for(topic):
                raise UsageError(
                    f"{bootstrap} has no partition {partition} of {topic}.",
                    "The topic was created anew; its dead letters belong to the old one.",
                )
            offsets = [p.offset for p in places if (p.topic, p.partition) == (topic, partition)]
            for begin in range(0, len(offsets), _AT_ONCE):
                params: Params = {
                    "topic": topic,
                    "partition": partition,
                    "offsets": offsets[begin : begin + _AT_ONCE],
                }
                sent += await _publish(producer, store.query(THEIR_BYTES, params))
    return sent


async def _publish(producer: AIOKafkaProducer, rows: Sequence[Row]) -> int:
    receipts = []
    for row in rows:
        place = _place(row)
        receipts.append(
            await producer.send(
                place.topic,
                b64decode(str(row["value"])),
                key=b64decode(str(row["key"])) or None,
                partition=place.partition,
                headers=[("replay_of", str(place).encode())],
            )
        )
    for receipt in receipts:
        await receipt
    return len(receipts)


@asynccontextmanager
async def _producer(bootstrap: str, security: KafkaSecurity) -> AsyncIterator[Any]:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        max_request_size=_MAX_REQUEST_BYTES,
        **security.client_arguments(),
    )
    try:
        async with answering(bootstrap, security):
            await producer.start()
        yield producer
    except MessageSizeTooLargeError as error:
        raise Unavailable(
            f"The Kafka broker at {bootstrap} does not take a record that large any more.",
            "Raise max.message.bytes of the topic, or choose others with --topic and --reason.",
        ) from error
    except KafkaError as error:
        raise Unavailable(
            f"The Kafka broker at {bootstrap} did not take a record: {error!r}.",
            "Replay again: what was sent already is recognised.",
        ) from error
    finally:
        await producer.stop()
