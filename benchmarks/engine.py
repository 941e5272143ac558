"""The ClickHouse engine itself on the hot path's bytes: as fast as a column store does this job.

chDB reads JSON lines from a file in memory with one thread, and groups them by the dimensions and
10-second windows of the tables that the topic writes, in one pass at the finest grain. It is spared
much: no copies are recognised, no watermark is kept, nobody is counted once, no checkpoint is made,
unknown and wrong fields are not looked for, and unreadable records are taken out beforehand.

What its groups come to is compared with the same sums over the decoded records.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import orjson
from chdb.state import connect

from benchmarks.load import WrongTotals
from benchmarks.scratch import scratch_root
from producers.record import EventDict, OutRecord
from producers.recount import read_event
from schemas.topics import CHAT, LIKES, PURCHASES, TRAFFIC

#: A query has a fixed cost: a topic with fewer records is written several times over.
_ENOUGH: Final = 100_000
_COMMON: Final = "type String, room_id String, occurred_at_ms UInt64"
_WINDOW: Final = "intDiv(occurred_at_ms, 10000) AS window"


@dataclass(frozen=True, slots=True)
class _Job:
    """What is asked of one topic.

    Attributes:
        columns: the fields that are read, with their types.
        rows: an ``ARRAY JOIN``, where an event has several rows.
        groups: dimensions.
        sums: name → aggregate.
    """

    groups: str
    sums: dict[str, str]
    columns: str = ""
    rows: str = ""

    def query(self, path: str) -> str:
        """The sums over all groups; every one of them has to be made for it."""
        inner = ", ".join(f"{sql} AS {name}" for name, sql in self.sums.items())
        outer = ", ".join(f"sum({name}) AS {name}" for name in self.sums)
        return (
            f"SELECT {outer} FROM (SELECT {self.groups}, {inner}"  # noqa: S608 - our own words
            f" FROM file('{path}', 'JSONEachRow', '{_COMMON}{self.columns}')"
            f" {self.rows} GROUP BY ALL)"
            " SETTINGS max_threads = 1, input_format_parallel_parsing = 0"
        )


_PAID, _REFUNDED = "type = 'order_paid'", "type = 'order_refunded'"
#: Of several lines, the first stands for the order; an order without lines has line number 0.
_ONCE: Final = "number < 2"
_JOBS: Final[dict[str, _Job]] = {
    TRAFFIC.name: _Job(
        columns=", source String, mode String, product_id String, watch_ms UInt64",
        groups=f"room_id, source, mode, product_id, {_WINDOW}",
        sums={
            "events": "count()",
            "views": "countIf(type = 'viewer_entered')",
            "leaves": "countIf(type = 'viewer_left')",
            "watch_ms": "sum(watch_ms)",
            "impressions": "countIf(type = 'product_shown')",
            "clicks": "countIf(type = 'product_clicked')",
            "carts": "countIf(type = 'cart_added')",
        },
    ),
    CHAT.name: _Job(groups=f"room_id, {_WINDOW}", sums={"events": "count()"}),
    LIKES.name: _Job(
        columns=", count UInt64",
        groups=f"room_id, {_WINDOW}",
        sums={"events": "count()", "likes": "sum(count)"},
    ),
    PURCHASES.name: _Job(
        columns=", kol_id String, currency String, promo String, attribution String,"
        " paid_minor Int64, discount_minor Int64, amount_minor Int64,"
        " lines Array(Tuple(product_id String, quantity UInt64, paid_minor Int64,"
        " amount_minor Int64))",
        rows="LEFT ARRAY JOIN lines AS line, arrayEnumerate(lines) AS number",
        groups=f"room_id, kol_id, currency, promo, attribution, line.product_id, {_WINDOW}",
        sums={
            "events": f"countIf({_ONCE})",
            "orders": f"countIf({_PAID} AND {_ONCE})",
            "gmv_minor": f"sumIf(paid_minor, {_PAID} AND {_ONCE})",
            "discount_minor": f"sumIf(discount_minor, {_PAID} AND {_ONCE})",
            "units": f"sumIf(line.quantity, {_PAID})",
            "product_gmv_minor": f"sumIf(line.paid_minor, {_PAID})",
            "refund_minor": f"sumIf(amount_minor, {_REFUNDED} AND {_ONCE})",
            "product_refund_minor": f"sumIf(line.amount_minor, {_REFUNDED})",
        },
    ),
}
_COUNTED: Final = {
    "viewer_entered": "views",
    "viewer_left": "leaves",
    "product_shown": "impressions",
    "product_clicked": "clicks",
    "cart_added": "carts",
}


class Engine:
    """The topics of a load, ready to be asked. Use it as a context manager.

    Args:
        records: the load; facts of rooms are left out, for no group is made of them.

    Attributes:
        events: readable records among them.
    """

    def __init__(self, records: Sequence[OutRecord]) -> None:
        self._files: list[Any] = []
        self._queries: list[tuple[str, Counter[str], int]] = []
        self._connection = connect(":memory:")
        self.events = 0
        for topic, job in _JOBS.items():
            own = [record for record in records if record.topic == topic]
            events = [(one, event) for one in own if (event := read_event(topic, one.value))]
            if events:
                times = -(-_ENOUGH // len(events))
                path = self._write([one.value for one, _ in events] * times)
                expected = _expected([event for _, event in events])
                self._queries.append((job.query(path), expected, times))
                self.events += len(events)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        for file in self._files:
            file.close()

    def seconds(self) -> float:
        """CPU seconds that it takes, once; every sum is compared.

        Raises:
            WrongTotals: one is not what it must be.
        """
        took = 0.0
        for query, expected, times in self._queries:
            began = time.process_time()
            answer = self._connection.query(query, "JSONEachRow").bytes()
            took += (time.process_time() - began) / times
            found = {name: int(value) for name, value in orjson.loads(answer).items()}
            if found != {name: expected[name] * times for name in found}:
                raise WrongTotals(f"the engine found {found} in {times} times {dict(expected)}")
        return took

    def _write(self, values: Sequence[bytes]) -> str:
        file = tempfile.NamedTemporaryFile(dir=scratch_root(), suffix=".ndjson")  # noqa: SIM115
        self._files.append(file)
        file.write(b"\n".join(values))
        file.flush()
        return file.name


def _expected(events: Sequence[EventDict]) -> Counter[str]:
    """The sums over the decoded events, whichever of them the topic has."""
    sums: Counter[str] = Counter()
    for event in events:
        kind: str = event["type"]
        sums["events"] += 1
        sums[_COUNTED.get(kind, kind)] += 1
        sums["watch_ms"] += event.get("watch_ms", 0)
        sums["likes"] += event.get("count", 0)
        if kind == "order_paid":
            sums["orders"] += 1
            sums["gmv_minor"] += event["paid_minor"]
            sums["discount_minor"] += event["discount_minor"]
            sums["units"] += sum(line["quantity"] for line in event["lines"])
            sums["product_gmv_minor"] += sum(line["paid_minor"] for line in event["lines"])
        elif kind == "order_refunded":
            sums["refund_minor"] += event["amount_minor"]
            sums["product_refund_minor"] += sum(line["amount_minor"] for line in event["lines"])
    return sums
