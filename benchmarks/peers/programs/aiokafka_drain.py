"""Reading everything with aiokafka, and doing nothing with it: as fast as this client can be."""

from __future__ import annotations

import asyncio
import time

from aiokafka import AIOKafkaConsumer

from benchmarks.peers.programs.bare_python import assign_everything
from benchmarks.peers.programs.job import EMIT_EVERY_S, Job, read_job
from benchmarks.peers.programs.sink import CountingSink


async def main(job: Job) -> None:
    """Count what is there; ends with the process."""
    sink = CountingSink(job)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=job.brokers,
        enable_auto_commit=False,
        max_poll_records=10_000,
        max_partition_fetch_bytes=4 << 20,
        fetch_max_wait_ms=50,
    )
    await consumer.start()
    await assign_everything(consumer, job)
    records = total = 0
    emit_at = time.monotonic() + EMIT_EVERY_S
    while True:
        for batch in (await consumer.getmany(timeout_ms=100)).values():
            sink.begin()
            records += len(batch)
        if records and (time.monotonic() >= emit_at or total + records == job.expected):
            sink.count(records)
            total, records = total + records, 0
            emit_at = time.monotonic() + EMIT_EVERY_S


if __name__ == "__main__":
    asyncio.run(main(read_job()))
