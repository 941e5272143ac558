"""Kafka as a process of ours: what it keeps, and that it never outlives us."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from liveshop.embedded.kafka_server import KafkaServer, find_kafka
from producers.publisher import Publisher
from producers.topics import ensure_topics
from schemas.errors import Unavailable, UsageError
from tests.fixtures.kafka import need_kafka

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]

CHECKOUT = Path(__file__).resolve().parents[2]
FETCH = CHECKOUT / "deploy" / "kafka" / "fetch.sh"
PLACE = TopicPartition("kept", 0)
#: Of the partition, among three nodes.
LEADER = 1


async def create(brokers: str, replicas: list[int]) -> None:
    """The first of the replicas leads."""
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        await admin.create_topics(
            [NewTopic(PLACE.topic, -1, -1, replica_assignments={0: replicas})]
        )
    finally:
        await admin.close()


async def produce(brokers: str, values: Sequence[bytes]) -> None:
    """Returns once every record is acknowledged by all replicas that must have it."""
    producer = AIOKafkaProducer(bootstrap_servers=brokers, acks="all", enable_idempotence=True)
    async with producer:
        for receipt in [await producer.send(PLACE.topic, value, partition=0) for value in values]:
            await receipt


async def consume(brokers: str) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=brokers, enable_auto_commit=False)
    async with consumer:
        consumer.assign([PLACE])
        await consumer.seek_to_beginning(PLACE)
        end = (await consumer.end_offsets([PLACE]))[PLACE]
        found: list[bytes] = []
        async with asyncio.timeout(30):
            while len(found) < end:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [record.value for record in records]
        return found


def numbers(first: int, last: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, last)]


def test_what_was_acknowledged_survives_a_kill_and_a_restart(own_kafka_server: KafkaServer) -> None:
    server = own_kafka_server
    address = server.address
    asyncio.run(create(address, [0]))
    asyncio.run(produce(address, numbers(0, 1_000)))
    server.kill()
    assert server.pids == [None]
    server.start()
    asyncio.run(produce(address, numbers(1_000, 1_100)))
    server.restart()
    assert server.address == address
    assert asyncio.run(consume(address)) == numbers(0, 1_100)


def test_one_of_three_nodes_may_die_while_all_replicas_are_asked_for(tmp_path: Path) -> None:
    need_kafka()
    with KafkaServer(tmp_path, nodes=3) as server:
        asyncio.run(create(server.address, [LEADER, 2, 0]))
        asyncio.run(produce(server.address, numbers(0, 100)))
        server.kill(LEADER)
        assert [pid is None for pid in server.pids] == [number == LEADER for number in range(3)]
        asyncio.run(produce(server.address, numbers(100, 200)))
        server.restart(LEADER)
        asyncio.run(produce(server.address, numbers(200, 300)))
        assert asyncio.run(consume(server.address)) == numbers(0, 300)


async def test_the_first_publisher_of_a_new_broker_is_idempotent(
    own_kafka_server: KafkaServer,
) -> None:
    # Such a broker has no producer ids yet, and says so until its controller gave it some.
    await ensure_topics(own_kafka_server.address, 1)
    async with Publisher(own_kafka_server.address) as publisher:
        assert publisher._producer._txn_manager is not None


def test_a_server_does_not_outlive_the_process_that_started_it(tmp_path: Path) -> None:
    need_kafka()
    code = (
        "import pathlib, sys, time\n"
        "from liveshop.embedded.kafka_server import KafkaServer\n"
        "server = KafkaServer(pathlib.Path(sys.argv[1]))\n"
        "server.launch()\n"
        "print(server.pids[0], flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    until(lambda: "java" in command_of(pid))  # the guard has become the broker
    parent.kill()
    parent.wait()
    until(lambda: not command_of(pid))
    parent.stdout.close()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def command_of(pid: int) -> str:
    """The program that a process runs; empty once it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().partition("\0")[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_a_server_that_was_stopped_by_a_signal_can_still_be_ended(
    own_kafka_server: KafkaServer,
) -> None:
    (pid,) = own_kafka_server.pids
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    own_kafka_server.stop()
    assert not command_of(pid)


def test_a_node_that_ends_while_starting_leaves_its_last_words(tmp_path: Path) -> None:
    need_kafka()
    server = KafkaServer(tmp_path)
    with (
        socket.create_server(("127.0.0.1", int(server.address.rpartition(":")[2]))),
        pytest.raises(Unavailable, match="node 0 ended while starting") as caught,
    ):
        server.start()
    assert str(server.log()) in caught.value.hint
    assert server.pids == [None]


def test_a_configuration_that_cannot_be_is_said_before_anything_starts(tmp_path: Path) -> None:
    need_kafka()
    with pytest.raises(Unavailable, match="cannot be formatted") as caught:
        KafkaServer(tmp_path, settings={"num.io.threads": "many"}).start()
    assert "num.io.threads" in caught.value.hint


def test_a_cluster_without_nodes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="0 nodes"):
        KafkaServer(tmp_path, nodes=0)


def test_a_machine_without_kafka_or_java_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVESHOP_KAFKA_HOME", str(tmp_path / "nothing"))
    assert find_kafka() is None
    with pytest.raises(Unavailable, match="Kafka is not on this machine") as caught:
        KafkaServer(tmp_path).start()
    assert "deploy/kafka/fetch.sh" in caught.value.hint
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="no Java"):
        KafkaServer(tmp_path).start()


def test_an_unpacked_download_of_kafka_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "libs").mkdir()
    (tmp_path / "libs" / "kafka_2.13-4.0.0.jar").touch()
    monkeypatch.setenv("LIVESHOP_KAFKA_HOME", str(tmp_path))
    assert find_kafka() == tmp_path / "libs"
    assert fetch(os.environ["PATH"], tmp_path) == (0, "")


def fetch(path: str, home: Path) -> tuple[int, str]:
    """Run the script with these programs; its exit code, and what it says."""
    done = subprocess.run(
        ["/bin/bash", str(FETCH)],
        env={"PATH": path, "LIVESHOP_KAFKA_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def programs(directory: Path, **scripts: str) -> str:
    """A PATH of what the script itself needs, and of these programs."""
    directory.mkdir()
    for name in ("bash", "cut", "dirname", "grep", "mkdir", "mktemp", "mv", "rm", "sed", "timeout"):
        (directory / name).symlink_to(str(shutil.which(name)))
    for name, body in scripts.items():
        (directory / name).write_text(f"#!/bin/bash\n{body}\n")
        (directory / name).chmod(0o755)
    return str(directory)


JAVA_17 = """echo 'openjdk version "17.0.15" 2025-04-15' >&2"""


@pytest.mark.parametrize(
    ("scripts", "said"),
    [
        ({}, "there is no Java here"),
        ({"java": JAVA_17.replace("17", "11")}, "it needs Java 17, and java here is Java 11"),
        ({"java": JAVA_17}, "Java is there, but mvn is not"),
        ({"java": JAVA_17, "mvn": "echo '[ERROR] Unknown host'; exit 1"}, r"\(Unknown host\)"),
    ],
)
def test_what_keeps_kafka_from_being_fetched_is_said_in_one_line(
    scripts: dict[str, str], said: str, tmp_path: Path
) -> None:
    code, output = fetch(programs(tmp_path / "bin", **scripts), tmp_path / "home")
    assert code == 1
    assert re.search(said, output)
    assert output.count("\n") == 1
    assert not list(tmp_path.glob("home/*"))


def test_the_tests_and_the_compose_file_run_the_same_kafka() -> None:
    pinned = re.search(
        "<kafka.version>(.*)</kafka.version>", (FETCH.parent / "pom.xml").read_text()
    )
    assert pinned is not None
    assert f"apache/kafka:{pinned[1]}\n" in (CHECKOUT / "deploy" / "compose.yaml").read_text()
