"""Pathway: three tables read by its engine, one graph of filters, windows and sums.

JSON is read and sums are kept by the engine, in Rust; Python runs only for the lines of orders. A
minibatch is committed, and what changed is emitted, once a second.
"""

from __future__ import annotations

from typing import Any

import pathway as pw

from benchmarks.peers.programs.job import EMIT_EVERY_S, WINDOW_MS, read_job
from benchmarks.peers.programs.sink import CountingSink, Row

job = read_job()
sink = CountingSink(job)


class Click(pw.Schema):
    """A product click, or another event of the same topic."""

    type: str
    room_id: str
    occurred_at_ms: int
    product_id: str


class Likes(pw.Schema):
    """A batch of likes."""

    type: str
    room_id: str
    occurred_at_ms: int
    count: int


class Order(pw.Schema):
    """An order."""

    type: str
    room_id: str
    occurred_at_ms: int
    order_id: str
    lines: pw.Json


def read(topic: str, schema: type[pw.Schema]) -> pw.Table:
    """A topic from its beginning; a minibatch a second."""
    return pw.io.kafka.read(
        {
            "bootstrap.servers": job.brokers,
            "group.id": f"{job.group}-{topic}",
            "auto.offset.reset": "earliest",
            "session.timeout.ms": "6000",
        },
        topic=topic,
        schema=schema,
        format="json",
        autocommit_duration_ms=int(EMIT_EVERY_S * 1_000),
    )


@pw.udf(deterministic=True)
def by_product(lines: pw.Json) -> list[tuple[str, int, int]]:
    """(product, paid, quantity) of each product in an order."""
    sums: dict[str, tuple[int, int]] = {}
    for line in lines.as_list():
        paid, quantity = sums.get(line["product_id"], (0, 0))
        sums[line["product_id"]] = (paid + line["paid_minor"], quantity + line["quantity"])
    return [(product, *figures) for product, figures in sums.items()]


def part(events: pw.Table, product: Any, **figures: Any) -> pw.Table:
    """What events add, in the columns of the sums."""
    names = ("gmv_minor", "orders", "units", "likes", "clicks")
    return events.select(
        room_id=pw.this.room_id,
        product_id=product,
        start_ms=pw.this.occurred_at_ms // WINDOW_MS * WINDOW_MS,
        **{name: figures.get(name, 0) for name in names},
    )


clicks, likes, orders = (
    read(topic, schema) for topic, schema in zip(job.topics, (Click, Likes, Order), strict=True)
)
clicks = clicks.filter(pw.this.type == "product_clicked")
likes = likes.filter(pw.this.type == "likes_sent")

# Each order once, then one row for each of its products.
orders = (
    orders.filter(pw.this.type == "order_paid")
    .groupby(pw.this.order_id)
    .reduce(
        room_id=pw.reducers.any(pw.this.room_id),
        occurred_at_ms=pw.reducers.any(pw.this.occurred_at_ms),
        lines=pw.reducers.any(pw.this.lines),
    )
    .with_columns(products=by_product(pw.this.lines))
    .flatten(pw.this.products)
)

sums = (
    pw.Table.concat_reindex(
        part(clicks, pw.this.product_id, clicks=1),
        part(likes, "", likes=pw.this["count"]),
        part(
            orders,
            pw.this.products[0],
            gmv_minor=pw.this.products[1],
            orders=1,
            units=pw.this.products[2],
        ),
    )
    .groupby(pw.this.room_id, pw.this.product_id, pw.this.start_ms)
    .reduce(
        pw.this.room_id,
        pw.this.product_id,
        pw.this.start_ms,
        gmv_minor=pw.reducers.sum(pw.this.gmv_minor),
        orders=pw.reducers.sum(pw.this.orders),
        units=pw.reducers.sum(pw.this.units),
        likes=pw.reducers.sum(pw.this.likes),
        clicks=pw.reducers.sum(pw.this.clicks),
    )
)
changed: list[Row] = []


def on_change(key: pw.Pointer, row: dict[str, Any], time: int, is_addition: bool) -> None:
    """A row of the result is replaced: the old one goes, the new one comes."""
    if is_addition:
        changed.append(tuple(row.values()))


def on_time_end(time: int) -> None:
    """The end of a minibatch."""
    sink.write(changed)
    changed.clear()


pw.io.subscribe(sums, on_change=on_change, on_time_end=on_time_end)

if __name__ == "__main__":
    # Its engine tells nobody of its first record, and reads ahead of the first minibatch.
    sink.begin()
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)
