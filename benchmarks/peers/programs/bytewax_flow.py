"""Bytewax: batches are decoded at once, and folded at once in the state of their room.

``stateful_batch`` is its operator for that. Its windowing operators take one item after the other,
and emit a window when it closes, not once a second.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import cluster_main

from benchmarks.peers.programs.job import EMIT_EVERY_S, WINDOW_MS, read_job
from benchmarks.peers.programs.sink import CountingSink, Row

_EMIT_EVERY = timedelta(seconds=EMIT_EVERY_S)

Event = dict[str, Any]


def decode(batch: list[KafkaSourceMessage[bytes, bytes]]) -> Iterable[tuple[str, Event]]:
    """Messages as events, keyed by room."""
    counting.begin()
    loads = orjson.loads
    events = [loads(message.value) for message in batch]
    return [(event["room_id"], event) for event in events]


class RoomWindows(StatefulBatchLogic[Event, Row, Any]):
    """One room: its orders, and the windows of its products; emits what changed."""

    def __init__(self, resumed: Any) -> None:
        self._orders: set[str]
        self._windows: dict[tuple[str, int], list[int]]
        self._orders, self._windows = resumed or (set(), {})
        self._changed: set[tuple[str, int]] = set()
        self._emit_at: datetime | None = None

    def on_batch(self, values: list[Event]) -> tuple[Iterable[Row], bool]:
        """Fold a batch."""
        for event in values:
            start_ms = event["occurred_at_ms"] // WINDOW_MS * WINDOW_MS
            kind, self._room = event["type"], event["room_id"]
            if kind == "likes_sent":
                self._sums("", start_ms)[3] += event["count"]
            elif kind == "product_clicked":
                self._sums(event["product_id"], start_ms)[4] += 1
            elif kind == "order_paid" and event["order_id"] not in self._orders:
                self._orders.add(event["order_id"])
                counted = set()
                for line in event["lines"]:
                    sums = self._sums(line["product_id"], start_ms)
                    sums[0] += line["paid_minor"]
                    sums[1] += line["product_id"] not in counted
                    sums[2] += line["quantity"]
                    counted.add(line["product_id"])
        if self._emit_at is None and self._changed:
            self._emit_at = datetime.now(UTC) + _EMIT_EVERY
        return [], StatefulBatchLogic.RETAIN

    def _sums(self, product: str, start_ms: int) -> list[int]:
        key = (product, start_ms)
        self._changed.add(key)
        sums = self._windows.get(key)
        if sums is None:
            sums = self._windows[key] = [0, 0, 0, 0, 0]
        return sums

    def on_notify(self) -> tuple[Iterable[Row], bool]:
        """Emit."""
        rows: list[Any] = [(self._room, *key, *self._windows[key]) for key in self._changed]
        self._changed.clear()
        self._emit_at = None
        return rows, StatefulBatchLogic.RETAIN

    def notify_at(self) -> datetime | None:
        """A second after the first change."""
        return self._emit_at

    def snapshot(self) -> Any:
        """For recovery."""
        return set(self._orders), {key: list(sums) for key, sums in self._windows.items()}


class _Partition(StatelessSinkPartition[tuple[str, Row]]):
    def __init__(self, sink: CountingSink) -> None:
        self._sink = sink

    def write_batch(self, items: list[tuple[str, Row]]) -> None:
        self._sink.write([row for _room, row in items])


class Sink(DynamicSink[tuple[str, Row]]):
    """The counting sink as an output."""

    def __init__(self, sink: CountingSink) -> None:
        self._sink = sink

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _Partition:
        """One for the worker."""
        return _Partition(self._sink)


job = read_job()
counting = CountingSink(job)
flow = Dataflow("peers")
messages = op.input(
    "backlog", flow, KafkaSource([job.brokers], list(job.topics), batch_size=10_000)
)
events = op.flat_map_batch("decode", messages, decode)
rows = op.stateful_batch("windows", events, RoomWindows)
op.output("sink", rows, Sink(counting))

if __name__ == "__main__":
    cluster_main(flow, [], 0, worker_count_per_proc=1)
