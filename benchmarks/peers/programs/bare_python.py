"""The job by hand, with aiokafka and orjson and nothing else: dictionaries and one loop.

No group, no commits, no state that would survive: less than a stream processor has to do.
"""

from __future__ import annotations

import asyncio
import time

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.peers.programs.job import EMIT_EVERY_S, WINDOW_MS, Job, read_job
from benchmarks.peers.programs.sink import CountingSink


async def main(job: Job) -> None:
    """Do the job; ends with the process."""
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
    orders_seen: set[str] = set()
    windows: dict[tuple[str, str, int], list[int]] = {}
    changed: set[tuple[str, str, int]] = set()
    emit_at = time.monotonic() + EMIT_EVERY_S
    while True:
        fetched = await consumer.getmany(timeout_ms=100)
        for batch in fetched.values():
            sink.begin()
            for record in batch:
                event = orjson.loads(record.value)
                at_ms = event["occurred_at_ms"]
                room, start_ms = event["room_id"], at_ms - at_ms % WINDOW_MS
                kind = event["type"]
                if kind == "likes_sent":
                    key = (room, "", start_ms)
                    sums = windows.get(key)
                    if sums is None:
                        sums = windows[key] = [0, 0, 0, 0, 0]
                    sums[3] += event["count"]
                    changed.add(key)
                elif kind == "product_clicked":
                    key = (room, event["product_id"], start_ms)
                    sums = windows.get(key)
                    if sums is None:
                        sums = windows[key] = [0, 0, 0, 0, 0]
                    sums[4] += 1
                    changed.add(key)
                elif kind == "order_paid" and event["order_id"] not in orders_seen:
                    orders_seen.add(event["order_id"])
                    counted = set()
                    for line in event["lines"]:
                        product = line["product_id"]
                        key = (room, product, start_ms)
                        sums = windows.get(key)
                        if sums is None:
                            sums = windows[key] = [0, 0, 0, 0, 0]
                        sums[0] += line["paid_minor"]
                        sums[2] += line["quantity"]
                        if product not in counted:
                            counted.add(product)
                            sums[1] += 1
                        changed.add(key)
        if changed and time.monotonic() >= emit_at:
            sink.write([(*key, *windows[key]) for key in changed])  # type: ignore[misc]
            changed.clear()
            emit_at = time.monotonic() + EMIT_EVERY_S


async def assign_everything(consumer: AIOKafkaConsumer, job: Job) -> None:
    """Read all partitions of the topics from their beginning."""
    partitions = [TopicPartition(topic, number) for topic, number in job.partitions]
    consumer.assign(partitions)
    await consumer.seek_to_beginning(*partitions)


if __name__ == "__main__":
    asyncio.run(main(read_job()))
