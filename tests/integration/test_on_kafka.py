"""The main job on a real Kafka and a real ClickHouse."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from liveshop.embedded.kafka_server import KafkaServer
from liveshop.embedded.process import free_port
from liveshop.embedded.stack import Stack
from liveshop.embedded.workers import WorkerProcess
from producers.generator import Show
from producers.profile_files import load_profile
from schemas.topics import EVENT_TOPICS
from tests.integration.harness import QUICK, Outcome, assert_exact, run_show

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse, pytest.mark.timeout(240)]

_WAIT_S = 60.0


def _show(seed: int) -> Show:
    return Show(load_profile("xinba-12h"), seed=seed)


def run_on(directory: Path, brokers: str, store: str, seed: int, **how: Any) -> Outcome:
    """A show on real servers at its own speed."""
    show = _show(seed)
    how = {"duration_s": 12.0, "partitions": 4, **how}
    return run_show(directory, show, brokers=brokers, store=store, speed=show.default_speed, **how)


# --- a show ------------------------------------------------------------------------------------


def test_every_figure_equals_the_manifest_and_every_offset_is_accounted_for(
    tmp_path: Path, kafka: str, clickhouse_dsn: str
) -> None:
    outcome = run_on(tmp_path, kafka, clickhouse_dsn, 1, workers=2, duration_s=5)
    assert_exact(outcome)
    folded = {
        (row["kafka_topic"], row["kafka_partition"]): row["next_offset"] for row in outcome.pipeline
    }
    ends, committed = asyncio.run(offsets(kafka, partitions=4))
    assert {place: end for place, end in ends.items() if end} == folded
    assert {place: committed[place] for place in folded} == folded


async def offsets(
    brokers: str, partitions: int
) -> tuple[dict[tuple[str, int], int], dict[tuple[str, int], int | None]]:
    """(topic, partition) → end of its log, and → what the group has committed."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=brokers, group_id="liveshop", enable_auto_commit=False
    )
    async with consumer:
        places = [
            TopicPartition(t.name, number) for t in EVENT_TOPICS for number in range(partitions)
        ]
        ends = await consumer.end_offsets(places)
        committed = {tuple(place): await consumer.committed(place) for place in places}
        return {tuple(place): end for place, end in ends.items()}, committed


def test_a_second_worker_that_joins_half_way_changes_no_figure(
    tmp_path: Path, kafka: str, clickhouse_dsn: str
) -> None:
    owned: list[int] = []

    async def join_half_way(stack: Stack) -> None:
        await asyncio.sleep(4)
        joined = stack.add_worker(free_port(), QUICK)
        await joined.ready()
        owned.append(await joined.partitions())

    outcome = run_on(tmp_path, kafka, clickhouse_dsn, 2, disturb=join_half_way)
    assert owned[0] > 0
    assert_exact(outcome)


def test_a_worker_that_is_killed_leaves_its_partitions_to_the_other(
    tmp_path: Path, kafka: str, clickhouse_dsn: str
) -> None:
    async def kill_one(stack: Stack) -> None:
        await asyncio.sleep(4)
        killed, left = stack.workers
        killed.kill()
        stack.workers.remove(killed)
        # More than its own: 5 topics of 4 partitions, and that of the leaderboard.
        await until_it_owns_all(left)

    outcome = run_on(tmp_path, kafka, clickhouse_dsn, 3, workers=2, disturb=kill_one)
    assert_exact(outcome)


async def until_it_owns_all(worker: WorkerProcess) -> None:
    async with asyncio.timeout(_WAIT_S):
        while await worker.partitions() < 4 * len(EVENT_TOPICS):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("way", ["stopped", "killed"])
def test_a_broker_that_comes_back_in_the_middle_of_the_show_changes_no_figure(
    way: str, tmp_path: Path, own_kafka_server: KafkaServer, clickhouse_dsn: str
) -> None:
    broker = own_kafka_server
    workers: list[WorkerProcess] = []

    async def come_back(stack: Stack) -> None:
        workers.extend(stack.workers)
        await asyncio.sleep(4)
        (broker.kill if way == "killed" else broker.stop)()
        await asyncio.sleep(1)
        broker.launch()
        await asyncio.to_thread(broker.wait)

    outcome = run_on(tmp_path, broker.address, clickhouse_dsn, 4, workers=2, disturb=come_back)
    assert_exact(outcome)
    assert [worker.restarts for worker in workers] == [0, 0]
    # While no broker answers, aiokafka would complain a hundred times a second, or thousands.
    complaints = [len(worker.child.log.read_text().splitlines()) for worker in workers]
    assert max(complaints) < 100


def test_a_worker_that_starts_while_the_broker_is_away_waits_for_it(
    tmp_path: Path, own_kafka_server: KafkaServer, clickhouse_dsn: str
) -> None:
    broker = own_kafka_server
    env = {**QUICK, "LIVESHOP_BROKERS": broker.address, "LIVESHOP_STORE": clickhouse_dsn}

    async def start_too_early() -> None:
        broker.kill()
        worker = WorkerProcess("worker-1", tmp_path, free_port(), env)
        with worker.child:
            await asyncio.sleep(3)
            broker.launch()
            await worker.ready()
            said = worker.child.log.read_text()
            assert said.count("No Kafka broker answers") == 1
            assert "Waiting for it, at most 120 s." in said
            assert "Traceback" not in said
            assert worker.stop() == 0

    asyncio.run(start_too_early())
