"""What a real Kafka does to a log: retention, compaction, a topic that is created anew."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from liveshop.embedded.process import free_port
from liveshop.embedded.stack import Stack
from liveshop.stores import reading
from producers.publisher import Publisher
from producers.record import Kind, OutRecord
from producers.topics import ensure_topics
from schemas.errors import LiveshopError
from schemas.store import Row
from tests.fixtures.kafka import delete_topics
from tests.integration.harness import QUICK

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse, pytest.mark.timeout(120)]

CHAT = TopicPartition("live.chat", 0)
ROOMS = TopicPartition("live.rooms", 0)
AT_MS = 1_732_273_265_000
_WAIT_S = 40.0
#: Longer than a consumer's request waits for records (1.5 s), shorter than the session (6 s).
_FROZEN_S = 2.0


class OneWorker:
    """One worker on one partition of each topic, which may end and be started again."""

    def __init__(self, directory: Path, brokers: str, store: str) -> None:
        self.brokers = brokers
        self._stack = Stack(directory, brokers, store, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.stop()

    def start(self) -> None:
        self._worker = self._stack.add_worker(free_port(), QUICK)

    def stop(self) -> None:
        assert self._stack.stop_workers() == [0]

    def send(self, number: signal.Signals) -> None:
        self._worker.child.send(number)

    def last_words(self) -> str:
        """Wait until it ends by itself; what it then says."""
        deadline = time.monotonic() + _WAIT_S
        while (code := self._worker.child.exit_code) is None:
            assert time.monotonic() < deadline, self._worker.child.tail()
            time.sleep(0.05)
        assert code != 0
        return self._worker.child.tail()

    def log(self) -> str:
        return self._worker.child.log.read_text()

    def account(self, place: TopicPartition, until: int) -> Row:
        """Wait until its checkpoint is at ``until``; the account of the partition then."""
        deadline = time.monotonic() + _WAIT_S
        while True:
            rows = self._rows(place)
            if rows and rows[0]["next_offset"] >= until:
                return rows[0]
            assert self._worker.child.exit_code is None, self._worker.child.tail()
            assert time.monotonic() < deadline, (rows, self._worker.child.tail())
            time.sleep(0.1)

    def _rows(self, place: TopicPartition) -> list[Row]:
        sql = "SELECT * FROM pipeline WHERE kafka_topic = %(topic)s"
        try:
            with reading(self._stack.store) as store:
                return store.query(sql, {"topic": place.topic})
        except LiveshopError:  # The worker is still creating the tables.
            return []


async def put(brokers: str, topic: str, events: Iterable[tuple[bytes, dict[str, Any]]]) -> None:
    """Publish events, each with its key."""
    async with Publisher(brokers) as publisher:
        await publisher.send(
            [
                OutRecord(AT_MS, topic, key, orjson.dumps(event), Kind.EVENT, None)
                for key, event in events
            ]
        )
        await publisher.flush()


def say(brokers: str, first: int, last: int) -> None:
    """Publish chat messages number ``first`` to ``last - 1``; in a new log these are offsets."""
    common = {"v": 1, "type": "chat_sent", "room_id": "room", "user_id": "u", "text": "hello"}
    messages = (
        (b"room", {**common, "event_id": f"evt-{n}", "occurred_at_ms": AT_MS + n})
        for n in range(first, last)
    )
    asyncio.run(put(brokers, CHAT.topic, messages))


async def _lose(brokers: str, place: TopicPartition, before: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        await admin.delete_records({place: RecordsToDelete(before_offset=before)})
    finally:
        await admin.close()


def lose(brokers: str, before: int) -> None:
    """Delete the chat below an offset: what retention does, at the moment of our choice."""
    asyncio.run(_lose(brokers, CHAT, before))


def create_topics(brokers: str) -> None:
    asyncio.run(ensure_topics(brokers, 1))


def recreate_chat(brokers: str) -> None:
    asyncio.run(delete_topics(brokers, CHAT.topic))
    create_topics(brokers)


def test_records_that_retention_deleted_while_no_worker_ran_are_counted_as_a_gap(
    tmp_path: Path, kafka: str, clickhouse_dsn: str
) -> None:
    create_topics(kafka)
    say(kafka, 0, 100)
    with OneWorker(tmp_path, kafka, clickhouse_dsn) as worker:
        worker.start()
        assert worker.account(CHAT, 100)["gap"] == 0
        worker.stop()
        say(kafka, 100, 200)
        lose(kafka, before=160)
        worker.start()
        account = worker.account(CHAT, 200)
        assert (account["consumed"], account["gap"], account["unaccounted"]) == (140, 60, 0)
        assert "retention deleted 60 records" in worker.log()


def test_records_that_retention_deleted_under_a_worker_that_was_too_slow_are_counted_as_a_gap(
    tmp_path: Path, kafka: str, clickhouse_dsn: str
) -> None:
    create_topics(kafka)
    say(kafka, 0, 100)
    with OneWorker(tmp_path, kafka, clickhouse_dsn) as worker:
        worker.start()
        worker.account(CHAT, 100)
        worker.send(signal.SIGSTOP)
        time.sleep(_FROZEN_S)  # until its last request for records has been answered
        say(kafka, 100, 200)
        lose(kafka, before=160)
        worker.send(signal.SIGCONT)
        account = worker.account(CHAT, 200)
        assert (account["consumed"], account["gap"], account["unaccounted"]) == (140, 60, 0)
        assert "retention deleted 60 records" in worker.log()


@pytest.mark.parametrize(
    ("records", "what"),
    [
        (40, "ends at offset 40"),
        (140, "has another record at offset 99 than the one that was folded"),
    ],
)
def test_a_topic_that_was_created_anew_while_no_worker_ran_is_refused(
    records: int, what: str, tmp_path: Path, kafka: str, clickhouse_dsn: str
) -> None:
    create_topics(kafka)
    say(kafka, 0, 100)
    with OneWorker(tmp_path, kafka, clickhouse_dsn) as worker:
        worker.start()
        worker.account(CHAT, 100)
        worker.stop()
        recreate_chat(kafka)
        say(kafka, 1_000, 1_000 + records)
        worker.start()
        words = worker.last_words()
        assert f"live.chat/0 {what}, but the store has it folded up to 100" in words
        assert "Use a new database" in words
        assert "Traceback" not in words


def test_a_topic_that_is_created_anew_under_a_worker_is_refused(
    tmp_path: Path, kafka: str, clickhouse_dsn: str
) -> None:
    create_topics(kafka)
    say(kafka, 0, 100)
    with OneWorker(tmp_path, kafka, clickhouse_dsn) as worker:
        worker.start()
        worker.account(CHAT, 100)
        recreate_chat(kafka)
        say(kafka, 1_000, 1_040)
        assert "the topic was created anew" in worker.last_words()


# --- compaction --------------------------------------------------------------------------------

#: A segment is closed at once, and compacted as soon as the cleaner looks.
COMPACTED = {
    "cleanup.policy": "compact",
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.001",
    "delete.retention.ms": "100",
}


async def _create_rooms(brokers: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(ROOMS.topic, 1, 1, topic_configs=COMPACTED)])
    finally:
        await admin.close()


def announce(brokers: str, first: int, last: int) -> None:
    """List the same ten products again and again; compaction keeps the last of each."""
    common = {"v": 1, "type": "product_listed", "room_id": "room", "title": "t"}
    events = (
        (
            b"room:product_listed:p%d" % (n % 10),
            {
                **common,
                "product_id": f"p{n % 10}",
                "price_minor": n,
                "event_id": f"evt-{n}",
                "occurred_at_ms": AT_MS + n,
            },
        )
        for n in range(first, last)
    )
    asyncio.run(put(brokers, ROOMS.topic, events))


async def _offsets_left(brokers: str) -> list[int]:
    consumer = AIOKafkaConsumer(bootstrap_servers=brokers, enable_auto_commit=False)
    async with consumer:
        consumer.assign([ROOMS])
        await consumer.seek_to_beginning(ROOMS)
        end = (await consumer.end_offsets([ROOMS]))[ROOMS]
        found: list[int] = []
        while not found or found[-1] < end - 1:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [record.offset for record in records]
        return found


def compacted(brokers: str, below: int) -> list[int]:
    """Wait until hardly anything is left below an offset; the offsets that are left in all."""
    deadline = time.monotonic() + _WAIT_S
    while True:
        left = asyncio.run(_offsets_left(brokers))
        if sum(offset < below for offset in left) <= 10:
            return left
        assert time.monotonic() < deadline, left
        time.sleep(0.2)


def test_compaction_leaves_holes_that_are_no_gaps_and_stop_nobody(
    tmp_path: Path, kafka: str, clickhouse_dsn: str
) -> None:
    asyncio.run(_create_rooms(kafka))
    create_topics(kafka)
    announce(kafka, 0, 50)
    with OneWorker(tmp_path, kafka, clickhouse_dsn) as worker:
        worker.start()
        worker.account(ROOMS, 50)
        worker.stop()
        announce(kafka, 50, 150)
        time.sleep(0.2)
        announce(kafka, 150, 151)  # closes the segment before it
        left = compacted(kafka, below=150)
        assert left[0] > 50  # the worker's position is in a hole
        worker.start()
        account = worker.account(ROOMS, 151)
        assert (account["consumed"], account["gap"]) == (50 + len(left), 0)
        announce(kafka, 151, 161)
        assert worker.account(ROOMS, 161)["unaccounted"] == 0
