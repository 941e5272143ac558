"""What is published, and what must come of it."""

from __future__ import annotations

from itertools import islice

import orjson
import pytest

from benchmarks.load import LoadSpec
from benchmarks.peers import job
from benchmarks.peers.backlog import _chunks
from benchmarks.peers.job import Figures, Record, TruthBook, added_up, differences, records
from schemas.errors import UsageError

SPEC = LoadSpec("boutique", 1, 20.0, 6_000)
TYPES = {
    "product_clicked": "live.traffic",
    "likes_sent": "live.likes",
    "order_paid": "live.purchases",
}


@pytest.fixture(scope="module")
def backlog() -> list[Record]:
    """More than the distinct part: the show begins again after 2,500 records."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "_DISTINCT", 2_500)
        return list(records(SPEC))


def test_the_same_specification_gives_the_same_bytes() -> None:
    small = LoadSpec("boutique", 1, 20.0, 300)
    assert list(records(small)) == list(records(small))


def test_every_event_is_of_the_job_and_on_its_topic(backlog: list[Record]) -> None:
    events = [orjson.loads(record.value) for record in backlog]
    assert {event["type"] for event in events} == set(TYPES)
    for record, event in zip(backlog, events, strict=True):
        assert record.topic == TYPES[event["type"]]
        assert record.key.decode() == event["room_id"]


def test_only_orders_come_twice(backlog: list[Record]) -> None:
    events = [orjson.loads(record.value) for record in backlog]
    ids = [event["event_id"] for event in events if event["type"] != "order_paid"]
    assert len(ids) == len(set(ids))
    orders = [event["order_id"] for event in events if event["type"] == "order_paid"]
    assert len(orders) > len(set(orders)) > 100


def test_a_repetition_is_the_same_show_later_with_other_ids(backlog: list[Record]) -> None:
    first, second = (orjson.loads(backlog[at].value) for at in (100, 2_600))
    shift_ms = second["occurred_at_ms"] - first["occurred_at_ms"]
    assert shift_ms > 0
    assert shift_ms % 10_000 == 0
    assert second["event_id"] != first["event_id"]
    changed = {"event_id", "order_id", "occurred_at_ms"}
    assert {k: v for k, v in first.items() if k not in changed} == {
        k: v for k, v in second.items() if k not in changed
    }


def test_the_truth_is_what_a_plain_recount_of_the_bytes_gives(backlog: list[Record]) -> None:
    book = TruthBook()
    for record in backlog:
        book.add(record)
    rows = []
    orders = set()
    for event in (orjson.loads(record.value) for record in backlog):
        window = (event["occurred_at_ms"] // 10_000) * 10_000
        if event["type"] == "product_clicked":
            rows.append((event["room_id"], event["product_id"], window, 0, 0, 0, 0, 1))
        elif event["type"] == "likes_sent":
            rows.append((event["room_id"], "", window, 0, 0, 0, event["count"], 0))
        elif event["order_id"] not in orders:
            orders.add(event["order_id"])
            products: set[str] = set()
            for line in event["lines"]:
                product, first = line["product_id"], line["product_id"] not in products
                products.add(product)
                figures = (line["paid_minor"], int(first), line["quantity"], 0, 0)
                rows.append((event["room_id"], product, window, *figures))
    assert differences(added_up(rows), book.windows()) == ""
    assert book.bytes == sum(len(record.value) for record in backlog)


def test_a_show_that_is_too_short_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "_DISTINCT", 10**7)
    with pytest.raises(UsageError, match="has only"):
        next(records(LoadSpec("boutique", 1, 0.01, 10**7)))


TRUTH = {("r", "p", 0): Figures(500, 1, 2, 0, 3), ("r", "", 0): Figures(likes=40)}


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (TRUTH, ""),
        (
            {**TRUTH, ("r", "p", 0): Figures(1_000, 2, 4, 0, 3)},
            "1 of 2 windows differ: gmv_minor 1,000 of 500, orders 2 of 1, units 4 of 2",
        ),
        ({("r", "p", 0): TRUTH["r", "p", 0]}, "1 of 2 windows differ: likes 0 of 40"),
        (
            {("r", "p", 10_000): TRUTH["r", "p", 0], ("r", "", 0): TRUTH["r", "", 0]},
            "2 of 2 windows differ, and the differences cancel out",
        ),
        ({}, "2 of 2 windows differ: gmv_minor 0 of 500, orders 0 of 1, units 0 of 2"),
    ],
)
def test_a_difference_is_a_sentence(found: dict[job.Key, Figures], sentence: str) -> None:
    assert differences(found, TRUTH).startswith(sentence)
    assert bool(differences(found, TRUTH)) == bool(sentence)


def test_chunks_end_at_every_size() -> None:
    record = Record("t", b"k", b"v", [])
    stream = iter([record] * 50_000)
    ends = [end for chunk, end in _chunks(stream, [1_250, 30_000, 50_000]) if chunk]
    assert {1_250, 30_000, 50_000} <= set(ends)
    assert not list(islice(stream, 1)), "everything was taken"
