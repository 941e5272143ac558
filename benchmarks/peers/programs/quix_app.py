"""Quix Streams: one dataframe over three topics, keyed state, and a batching sink."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from itertools import repeat
from typing import Any

import orjson
from quixstreams import Application, State
from quixstreams.sinks import BatchingSink, SinkBatch

from benchmarks.peers.programs.job import EMIT_EVERY_S, WINDOW_MS, read_job
from benchmarks.peers.programs.sink import CountingSink, Row

Event = dict[str, Any]


class Sink(BatchingSink):
    """The counting sink; Quix flushes it with every checkpoint, one batch per topic partition."""

    def __init__(self, sink: CountingSink) -> None:
        super().__init__()
        self._sink = sink

    def write(self, batch: SinkBatch) -> None:
        """The newest row of each key."""
        rows = {item.value[:3]: item.value for item in batch}
        self._sink.write(rows.values(), repeat(batch.topic))


def count(event: Event, state: State) -> Iterator[Row]:
    """Fold an event into the state of its room; the rows that it changed."""
    counting.begin()
    start_ms = event["occurred_at_ms"] // WINDOW_MS * WINDOW_MS
    kind, room = event["type"], event["room_id"]
    if kind == "likes_sent":
        yield add(state, room, "", start_ms, 0, 0, 0, event["count"], 0)
    elif kind == "product_clicked":
        yield add(state, room, event["product_id"], start_ms, 0, 0, 0, 0, 1)
    elif kind == "order_paid" and not state.exists(event["order_id"]):
        state.set(event["order_id"], True)
        counted = set()
        for line in event["lines"]:
            product, first = line["product_id"], int(line["product_id"] not in counted)
            counted.add(product)
            yield add(
                state, room, product, start_ms, line["paid_minor"], first, line["quantity"], 0, 0
            )


def add(state: State, room: str, product: str, start_ms: int, *figures: int) -> Row:
    """Add to a window, and return it."""
    key = f"{product}/{start_ms}"
    sums = state.get(key)
    if sums is not None:
        figures = tuple(map(operator.add, sums, figures))
    state.set(key, figures)
    gmv, orders, units, likes, clicks = figures
    return (room, product, start_ms, gmv, orders, units, likes, clicks)


job = read_job()
app = Application(
    broker_address=job.brokers,
    consumer_group=job.group,
    auto_offset_reset="earliest",
    commit_interval=EMIT_EVERY_S,
    state_dir=job.directory / "quix",
    loglevel="WARNING",
)
counting = CountingSink(job)
sink = Sink(counting)
for name in job.topics:
    events = app.dataframe(app.topic(name, value_deserializer="bytes")).apply(orjson.loads)
    events.apply(count, stateful=True, expand=True).sink(sink)

if __name__ == "__main__":
    app.run()
