"""The ClickHouse engine's sums are compared with the decoded records'."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import orjson
import pytest

from benchmarks.engine import Engine
from benchmarks.load import Load, LoadSpec, WrongTotals, prepare
from producers.recount import read_event
from schemas.topics import PURCHASES, ROOMS

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def load() -> Load:
    """A small show, copies and garbage included."""
    return prepare(LoadSpec("flash-drop", seed=3, scale=0.2, records=6_000))["mixed"]


def test_every_topic_is_asked_and_every_sum_is_right(load: Load) -> None:
    with Engine(load.records) as engine:
        assert engine.seconds() > 0
    readable = [one for one in load.records if one.topic != ROOMS.name]
    assert engine.events == sum(read_event(one.topic, one.value) is not None for one in readable)


def test_a_wrong_sum_gives_no_figure(load: Load) -> None:
    with Engine(load.records) as engine:
        # The same records, but for one price, behind the engine's back.
        place, record = next(
            (n, one)
            for n, one in enumerate(load.records)
            if one.topic == PURCHASES.name and b"order_paid" in one.value
        )
        event = orjson.loads(record.value)
        event["paid_minor"] += 1
        event["lines"][0]["paid_minor"] += 1
        changed = msgspec.structs.replace(record, value=orjson.dumps(event))
        records = [*load.records[:place], changed, *load.records[place + 1 :]]
        with Engine(replace(load, records=records).records) as other:
            other._queries = [
                (query, expected, times)
                for (query, _, times), (_, expected, _) in zip(
                    other._queries, engine._queries, strict=True
                )
            ]
            with pytest.raises(WrongTotals, match="gmv_minor"):
                other.seconds()
