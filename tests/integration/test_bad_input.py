"""The corpus through running pipelines: every record is accounted for, and nothing stops."""

from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from agents.deadletters import CUT_VALUE_BYTES
from liveshop import cli
from liveshop.drain import Lag, drain
from liveshop.embedded.broker import EmbeddedBroker
from liveshop.embedded.kafka_server import KafkaServer, find_kafka
from liveshop.embedded.process import free_port
from liveshop.embedded.stack import Stack
from liveshop.reconcile import reconcile
from liveshop.stores import reading
from producers.pacing import Schedule
from producers.partitioning import partition_of
from producers.publisher import Publisher
from producers.replay import ReplayResult, replay
from producers.topics import ensure_topics
from schemas.store import Row, Store
from schemas.topics import DEAD_LETTERS, PURCHASES
from tests.corpus.kind import CURRENCY, DUPLICATE, FOLDED, KEY, ROOM, Kind, Sent
from tests.corpus.kinds import corpus
from tests.corpus.sound import Sound, dumps
from tests.corpus.table import UNMATCHED_REFUNDS
from tests.fixtures.need import need
from tests.integration.harness import QUICK
from tests.unit.producers.shows import small_show

PARTITIONS = 2
MB = 1024 * 1024
#: The broker takes records of 2 MB; its dead-letter topic does not.
ROOMY: dict[str, str | int] = {"message.max.bytes": 4 * MB, "replica.fetch.max.bytes": 4 * MB}
CUT_AT = 1 * MB

Place = tuple[str, int, int]


@dataclass
class Ran:
    """What a run left behind."""

    sent: ReplayResult
    placed: dict[Place, Sent]
    letters: list[ConsumerRecord]
    trust: dict[str, Any]
    restarts: int


@contextmanager
def kafka(directory: Path) -> Iterator[str]:
    """A real Kafka."""
    need(find_kafka(), "needs Apache Kafka: run deploy/kafka/fetch.sh")
    with KafkaServer(directory / "kafka", settings=ROOMY) as server:
        asyncio.run(_create_dead_letters(server.address))
        yield server.address


async def _create_dead_letters(brokers: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    limit = {"max.message.bytes": str(CUT_AT)}
    await admin.create_topics([NewTopic(DEAD_LETTERS.name, PARTITIONS, 1, topic_configs=limit)])
    await admin.close()


#: Where the room's records belong.
HOME = partition_of(KEY, PARTITIONS)


async def publish(brokers: str, kinds: Sequence[Kind], partition: int = HOME) -> dict[Place, Sent]:
    """Send the corpus to one partition of its topics; returns where each record stands."""
    producer = AIOKafkaProducer(bootstrap_servers=brokers, acks="all", max_request_size=4 * MB)
    await producer.start()
    placed: dict[Place, Sent] = {}
    try:
        for kind in kinds:
            for sent in kind.records:
                receipt = await producer.send_and_wait(
                    kind.topic.name, sent.value, key=sent.key, partition=partition
                )
                placed[kind.topic.name, partition, receipt.offset] = sent
    finally:
        await producer.stop()
    return placed


async def read_letters(brokers: str, expected: int) -> list[ConsumerRecord]:
    """What stands on the topic of the dead letters."""
    consumer = AIOKafkaConsumer(bootstrap_servers=brokers, enable_auto_commit=False)
    await consumer.start()
    places = [TopicPartition(DEAD_LETTERS.name, n) for n in range(PARTITIONS)]
    consumer.assign(places)
    await consumer.seek_to_beginning(*places)
    letters: list[ConsumerRecord] = []
    try:
        async with asyncio.timeout(20):
            while len(letters) < expected:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    letters += records
    finally:
        await consumer.stop()
    return letters


async def settled(stack: Stack, ends: dict[tuple[str, int], int]) -> None:
    async with Lag(stack.brokers, "liveshop") as lag:
        await drain(lag, 40.0, ends, lambda _: stack.check())


def ends_of(placed: dict[Place, Sent], sent: dict[tuple[str, int], int]) -> dict[Any, int]:
    ends = dict(sent)
    for topic, partition, offset in placed:
        ends[topic, partition] = max(offset + 1, ends.get((topic, partition), 0))
    return ends


async def run(stack: Stack) -> Ran:
    """A show, and the corpus in the middle of it."""
    await ensure_topics(stack.brokers, PARTITIONS)
    worker = stack.add_worker(free_port(), QUICK)
    await worker.ready()
    async with Publisher(stack.brokers) as publisher:
        show = small_show("boutique", scale=0.2)
        sending = asyncio.create_task(replay(show, publisher, Schedule(600), 4))
        await asyncio.sleep(1)
        placed = await publish(stack.brokers, corpus(int(time.time() * 1_000)))
        result = await sending
        ends = ends_of(placed, publisher.ends)
    await settled(stack, ends)
    dead = sum(sent.is_dead for sent in placed.values())
    letters = await read_letters(stack.brokers, dead + result.truth.sent.unreadable)
    trust: dict[str, Any] = {}
    async with asyncio.timeout(20):
        while trust.get("consumed") != sum(result.sent.values()) + len(placed):
            await asyncio.sleep(0.2)
            trust = (await worker.ask("/api/live")).get("trust", {})
    return Ran(result, placed, letters, trust, worker.restarts)


def check_letters(ran: Ran, rows: list[Row]) -> None:
    """Every dead letter is in the table and on the topic, whole, with its place and reason."""
    expected = {place: sent for place, sent in ran.placed.items() if sent.is_dead}
    table = {(r["kafka_topic"], r["kafka_partition"], r["kafka_offset"]): r for r in rows}
    assert len(table) == len(expected) + ran.sent.truth.sent.unreadable
    for place, sent in expected.items():
        row = table[place]
        assert row["reason"] == sent.fate
        assert row["value"] == b64encode(sent.value or b"").decode()
        assert row["key"] == b64encode(sent.key or b"").decode()
        assert row["detail"]
    found = {}
    for letter in ran.letters:
        headers = dict(letter.headers)
        place = (
            headers["topic"].decode(), int(headers["partition"]), int(headers["offset"])
        )  # fmt: skip
        found[place] = (letter.value, letter.key, headers)
    assert found.keys() == table.keys()
    for place, sent in expected.items():
        value, key, headers = found[place]
        assert headers["reason"].decode() == sent.fate
        assert key == sent.key
        if "cut_from" in headers:
            assert len(sent.value or b"") > CUT_AT
            assert value == (sent.value or b"")[:CUT_VALUE_BYTES]
        else:
            assert value == sent.value


def check_store(ran: Ran, store: Store) -> None:
    """All records are accounted for, and the money is that of the show and of the folded kinds."""
    fates = Counter(sent.fate if not sent.is_dead else "dead" for sent in ran.placed.values())
    truth = ran.sent.truth.sent
    (accounts,) = store.query(
        "SELECT sum(consumed) AS consumed, sum(folded) AS folded, sum(duplicates) AS duplicates,"
        " sum(dead_lettered) AS dead_lettered FROM pipeline"
    )
    assert accounts == {
        "consumed": truth.records + len(ran.placed),
        "folded": truth.events + fates[FOLDED],
        "duplicates": truth.duplicates + fates[DUPLICATE],
        "dead_lettered": truth.unreadable + fates["dead"],
    }
    for name in ("consumed", "duplicates", "dead_lettered"):
        assert ran.trust[name] == accounts[name]
    assert ran.trust["unaccounted"] == 0
    assert ran.restarts == 0
    assert reconcile(store, ran.sent.truth, shared=True).differences == []
    kinds = corpus(0)
    money = {
        "currency": CURRENCY,
        "gmv_minor": sum(kind.gmv_minor for kind in kinds),
        "refund_minor": sum(kind.refund_minor for kind in kinds),
    }
    query = (
        "SELECT currency, sum(gmv_minor) AS gmv_minor, sum(refund_minor) AS refund_minor"
        " FROM sales_window FINAL WHERE room_id = %(room)s GROUP BY currency"
    )
    assert store.query(query, {"room": ROOM}) == [money]
    excess = {row["order_id"]: row for row in store.query(UNMATCHED_REFUNDS)}
    assert (excess["o-excess"]["paid_minor"], excess["o-excess"]["refunded_minor"]) == (1000, 5000)
    assert (excess["o-orphan"]["paid_minor"], excess["o-orphan"]["refunded_minor"]) == (0, 70)
    assert "o-early-refund" not in excess


@pytest.mark.embedded
def test_corpus_passes_through_the_embedded_stack(tmp_path: Path, chdb_dsn: str) -> None:
    with Stack(tmp_path, None, chdb_dsn, PARTITIONS) as stack:
        ran = asyncio.run(run(stack))
        assert stack.stop_workers() == [0]
        with reading(stack.store) as store:
            check_letters(ran, store.query("SELECT * FROM dead_letter FINAL"))
            check_store(ran, store)


@pytest.mark.clickhouse
def test_corpus_passes_through_kafka_and_clickhouse(tmp_path: Path, clickhouse_dsn: str) -> None:
    with kafka(tmp_path) as brokers, Stack(tmp_path, brokers, clickhouse_dsn, PARTITIONS) as stack:
        ran = asyncio.run(run(stack))
        assert stack.stop_workers() == [0]
        with reading(stack.store) as store:
            check_letters(ran, store.query("SELECT * FROM dead_letter FINAL"))
            check_store(ran, store)
    assert sum("cut_from" in dict(letter.headers) for letter in ran.letters) == 2


# --- replay -----------------------------------------------------------------------------------


def asked(capsys: pytest.CaptureFixture[str], stack: Stack, line: str) -> Any:
    """What ``liveshop deadletters --json`` answers."""
    capsys.readouterr()
    where = ["--store", stack.store, "--brokers", stack.brokers, "--json"]
    assert cli.run(["deadletters", *line.split(), *where]) == 0
    return orjson.loads(capsys.readouterr().out)


def gmv(store: str) -> list[Row]:
    with reading(store) as opened:
        return opened.query(
            "SELECT sum(orders) AS orders, sum(gmv_minor) AS gmv_minor FROM sales_window FINAL"
        )


@pytest.mark.embedded
@pytest.mark.clickhouse
def test_what_was_refused_for_a_cause_that_is_mended_is_replayed_into_the_totals_exactly_once(
    tmp_path: Path, clickhouse_dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    broker = EmbeddedBroker(tmp_path)
    hasty = {**QUICK, "LIVESHOP_MAX_AHEAD_MS": "1000"}
    at_ms = int(time.time() * 1_000) + 20_000
    early = dumps(Sound("early", at_ms).order(4_200))
    hostile = b'{"\x1b[2J'
    try:
        with Stack(tmp_path, broker.address, clickhouse_dsn, PARTITIONS) as stack:
            asyncio.run(ensure_topics(stack.brokers, PARTITIONS))
            worker = stack.add_worker(free_port(), hasty)
            asyncio.run(worker.ready())
            kind = Kind("", PURCHASES, (Sent(early, "too_far_ahead"), Sent(hostile, "not_json")))
            # Not where the key would lead: a replay must find the way back all the same.
            placed = asyncio.run(publish(stack.brokers, [kind], 1 - HOME))
            ends = ends_of(placed, {})
            asyncio.run(settled(stack, ends))
            assert gmv(stack.store) == [{"orders": 0, "gmv_minor": 0}]

            groups = asked(capsys, stack, "--group")
            assert {(g["reason"], g["letters"]) for g in groups} == {
                ("too_far_ahead", 1),
                ("not_json", 1),
            }
            (one,) = asked(capsys, stack, "--reason too_far_ahead")
            place = f"{one['topic']}/{one['partition']}/{one['offset']}"
            shown = asked(capsys, stack, f"--show {place}")
            assert shown["value_base64"] == b64encode(early).decode()
            assert shown["size"] == len(early)

            choice = "--replay --reason too_far_ahead"
            assert cli.run(["deadletters", *choice.split(), "--store", stack.store]) == 1
            assert "This would publish 1 dead letter again" in capsys.readouterr().err

            time.sleep(max(0.0, at_ms / 1_000 - time.time()))  # The clock is right at last.
            for number in (1, 2):
                assert asked(capsys, stack, f"{choice} --yes") == {"replayed": 1}
                again = {(topic, part): end + number for (topic, part), end in ends.items()}
                asyncio.run(settled(stack, again))
                assert gmv(stack.store) == [{"orders": 1, "gmv_minor": 4_200}]

            # What is not mended comes back as a letter; its copies are sent as one.
            for number in (3, 4):
                assert asked(capsys, stack, "--replay --reason not_json --yes") == {"replayed": 1}
                again = {(topic, part): end + number for (topic, part), end in ends.items()}
                asyncio.run(settled(stack, again))
                letters = asked(capsys, stack, "--list --reason not_json")
                assert len(letters) == number - 1
            assert {letter["preview"] for letter in letters} == {r'{"\x1b[2J'}
            assert letters[0]["offset"] > letters[-1]["offset"]
            assert worker.restarts == 0
            assert stack.stop_workers() == [0]
    finally:
        broker.stop()
