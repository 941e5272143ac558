"""Reading topics and decoding nothing: as fast as a client can hand records over.

Each drain runs in a process of its own, as a worker does, with the worker's fetch settings; no
group, no commit.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.app import AppConfig
from agents.transport import FETCH_MAX_WAIT_MS
from schemas.errors import Unavailable

_PATIENCE_MS: Final = 10_000

#: (topic, partition) → end of the log.
Ends = Mapping[tuple[str, int], int]


class Drained(NamedTuple):
    """Wall and CPU seconds from the first request to the last record."""

    seconds: float
    cpu_s: float


async def bare_drain(brokers: str, ends: Ends) -> Drained:
    """Read everything once with aiokafka.

    Raises:
        Unavailable: the broker stops before the end.
    """
    return await _in_a_process(_aiokafka, brokers, ends)


async def librdkafka_drain(brokers: str, ends: Ends) -> Drained | None:
    """Read everything once with librdkafka; ``None`` where it is not installed.

    Raises:
        Unavailable: the broker stops before the end.
    """
    if find_spec("confluent_kafka") is None:
        return None
    return await _in_a_process(_librdkafka, brokers, ends)


async def _in_a_process(drain: Callable[[str, Ends], Drained], brokers: str, ends: Ends) -> Drained:
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return await loop.run_in_executor(process, drain, brokers, dict(ends))


def _aiokafka(brokers: str, ends: Ends) -> Drained:
    return asyncio.run(_drain(brokers, ends))


async def _drain(brokers: str, ends: Ends) -> Drained:
    config = AppConfig()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=brokers,
        enable_auto_commit=False,
        max_poll_records=config.max_poll_records,
        max_partition_fetch_bytes=config.max_fetch_bytes,
        fetch_max_wait_ms=FETCH_MAX_WAIT_MS,
        check_crcs=True,
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(*place) for place in ends]
        consumer.assign(partitions)
        for partition in partitions:
            consumer.seek(partition, 0)
        left = sum(ends.values())
        began, cpu_s = time.perf_counter(), time.process_time()
        while left > 0:
            fetched = await consumer.getmany(timeout_ms=_PATIENCE_MS)
            if not fetched:
                raise _stopped(brokers, left)
            left -= sum(map(len, fetched.values()))
        return Drained(time.perf_counter() - began, time.process_time() - cpu_s)
    finally:
        await consumer.stop()


def _librdkafka(brokers: str, ends: Ends) -> Drained:
    client: Any = import_module("confluent_kafka")
    config = AppConfig()
    consumer = client.Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "bare-drain",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "fetch.wait.max.ms": FETCH_MAX_WAIT_MS,
            "max.partition.fetch.bytes": config.max_fetch_bytes,
            "queued.min.messages": 500_000,
            "check.crcs": True,
        }
    )
    try:
        left = sum(ends.values())
        began, cpu_s = time.perf_counter(), time.process_time()
        consumer.assign([client.TopicPartition(*place, 0) for place in ends])
        while left > 0:
            # It waits until it has as many as were asked for: ask for no more than there are.
            wanted = min(left, config.max_poll_records)
            messages = consumer.consume(wanted, _PATIENCE_MS / 1_000)
            if not messages:
                raise _stopped(brokers, left)
            left -= sum(message.error() is None for message in messages)
        return Drained(time.perf_counter() - began, time.process_time() - cpu_s)
    finally:
        consumer.close()


def _stopped(brokers: str, left: int) -> Unavailable:
    return Unavailable(
        f"The broker at {brokers} gave no record in {_PATIENCE_MS // 1_000} s, "
        f"{left} before the end."
    )
