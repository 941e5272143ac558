"""Reading topics with aiokafka and decoding nothing: as fast as this client can hand records over.

It runs in a process of its own, as a worker does, with the worker's fetch settings.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.app import AppConfig
from agents.transport import FETCH_MAX_WAIT_MS
from schemas.errors import Unavailable

_PATIENCE_MS = 10_000

#: (topic, partition) → end of the log.
Ends = Mapping[tuple[str, int], int]


class Drained(NamedTuple):
    """Wall and CPU seconds from the first request to the last record."""

    seconds: float
    cpu_s: float


async def bare_drain(brokers: str, ends: Ends) -> Drained:
    """Read everything once; no group, no commit.

    Raises:
        Unavailable: the broker stops before the end.
    """
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return await loop.run_in_executor(process, _in_a_process, brokers, dict(ends))


def _in_a_process(brokers: str, ends: Ends) -> Drained:
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
                raise Unavailable(
                    f"The broker at {brokers} gave no record in {_PATIENCE_MS // 1_000} s, "
                    f"{left} before the end."
                )
            left -= sum(map(len, fetched.values()))
        return Drained(time.perf_counter() - began, time.process_time() - cpu_s)
    finally:
        await consumer.stop()
