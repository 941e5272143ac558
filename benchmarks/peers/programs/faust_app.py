"""Faust (faust-streaming), as its documentation writes it: a windowed table, and an agent.

Orders seen are a table, so are the sums; both have a changelog in Kafka. What changed is emitted by
a timer. Tables are in memory: with RocksDB, which the documentation recommends for large state,
every update would cost more.
"""

from __future__ import annotations

import operator
import sys
from datetime import timedelta

import faust

from benchmarks.peers.programs.job import EMIT_EVERY_S, WINDOW_MS, read_job
from benchmarks.peers.programs.sink import CountingSink, Row

job = read_job()
sink = CountingSink(job)

app = faust.App(
    job.group,
    broker=f"kafka://{job.brokers}",
    store="memory://",
    datadir=str(job.directory / "faust"),
    topic_partitions=job.partitions_each,
    consumer_auto_offset_reset="earliest",
    broker_max_poll_records=10_000,
    producer_linger=0.05,
    producer_max_batch_size=1 << 20,
    web_enabled=False,
)


class Line(faust.Record):
    """One line of an order."""

    product_id: str
    quantity: int
    paid_minor: int


class Event(faust.Record, serializer="json"):  # type: ignore[call-arg]
    """A click, a batch of likes, or an order."""

    type: str
    room_id: str
    occurred_at_ms: int
    product_id: str = ""
    count: int = 0
    order_id: str = ""
    lines: list[Line] = []


topic = app.topic(*job.topics, value_type=Event)
orders = app.Table("orders", default=bool)
sums = (
    app.Table("sums", default=lambda: (0, 0, 0, 0, 0))
    .tumbling(timedelta(milliseconds=WINDOW_MS), expires=timedelta(days=36_500))
    .relative_to(lambda event: event.value.occurred_at_ms / 1_000)
)
changed: dict[tuple[str, str, int], Row] = {}


def add(event: Event, product: str, *figures: int) -> None:
    """Add to the window of the event's room and of a product."""
    room, at_ms = event.room_id, event.occurred_at_ms
    start_ms = at_ms - at_ms % WINDOW_MS
    gmv, orders, units, likes, clicks = map(operator.add, sums[room, product].value(), figures)
    sums[room, product] = (gmv, orders, units, likes, clicks)
    changed[room, product, start_ms] = (
        *(room, product, start_ms),
        *(gmv, orders, units, likes, clicks),
    )


@app.agent(topic)
async def count(events: faust.Stream[Event]) -> None:
    """Fold events one by one."""
    async for event in events:
        sink.begin()
        if event.type == "likes_sent":
            add(event, "", 0, 0, 0, event.count, 0)
        elif event.type == "product_clicked":
            add(event, event.product_id, 0, 0, 0, 0, 1)
        elif event.type == "order_paid" and not orders[event.order_id]:
            orders[event.order_id] = True
            counted = set()
            for line in event.lines:
                first = line.product_id not in counted
                counted.add(line.product_id)
                add(event, line.product_id, line.paid_minor, first, line.quantity, 0, 0)


@app.timer(interval=EMIT_EVERY_S)
async def emit() -> None:
    """Hand over what changed in the last second."""
    sink.write(changed.values())
    changed.clear()


if __name__ == "__main__":
    sys.argv = [sys.argv[0], "worker", "--loglevel", "warn"]
    app.main()
