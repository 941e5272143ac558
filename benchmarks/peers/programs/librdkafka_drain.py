"""Reading everything with librdkafka (confluent-kafka), and doing nothing with it.

Batches of 10,000 are taken with ``consume``; librdkafka fetches and unpacks in threads of its own.
"""

from __future__ import annotations

import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from benchmarks.peers.programs.job import EMIT_EVERY_S, Job, read_job
from benchmarks.peers.programs.sink import CountingSink


def main(job: Job) -> None:
    """Count what is there; ends with the process."""
    sink = CountingSink(job)
    consumer = Consumer(
        {
            "bootstrap.servers": job.brokers,
            "group.id": job.group,
            "enable.auto.commit": False,
            "fetch.max.bytes": 50 << 20,
            "fetch.message.max.bytes": 4 << 20,
            "queued.min.messages": 500_000,
        }
    )
    consumer.assign(
        [TopicPartition(topic, number, OFFSET_BEGINNING) for topic, number in job.partitions]
    )
    records = total = 0
    emit_at = time.monotonic() + EMIT_EVERY_S
    while True:
        batch = consumer.consume(10_000, 0.1)
        if batch:
            sink.begin()
        records += len(batch)
        if records and (time.monotonic() >= emit_at or total + records == job.expected):
            sink.count(records)
            total, records = total + records, 0
            emit_at = time.monotonic() + EMIT_EVERY_S


if __name__ == "__main__":
    main(read_job())
