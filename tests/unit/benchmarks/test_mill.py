"""Records made beforehand: the same ones that the show would have sent, and their truth."""

from __future__ import annotations

import gc
from itertools import islice

import pytest

from benchmarks.festival import Festival
from benchmarks.load import LoadSpec
from benchmarks.mill import Mill, mill_of
from producers.recount import Counter
from schemas.errors import UsageError
from schemas.topics import ROOMS

SMALL = LoadSpec("boutique", seed=3, scale=1.0, records=0)


def test_the_truth_is_that_of_everything_that_was_made_and_of_nothing_else() -> None:
    mill = mill_of(SMALL, partitions=3)
    first, second = mill.make(2_500, chunk=1_000), mill.make(1_500)
    assert [chunk.records for chunk in first.chunks] == [1_000, 1_000, 500]
    both = first + second
    assert both.records == mill.records == 4_000
    assert sum(batch.records for chunk in both.chunks for batch in chunk.batches) == 4_000
    counter = Counter()
    records = list(islice(mill_of(SMALL, 3)._show.records(), 4_000))
    for record in records:
        counter.count(record)
    assert mill.bytes == sum(len(record.value) for record in records)
    truth = mill.truth()
    assert truth.sent == counter.book.sent
    assert truth.end_ms == max(record.due_ms for record in records)
    assert gc.isenabled()


def test_the_facts_of_rooms_can_be_sent_first() -> None:
    made = Mill(Festival(50, events_per_s=2_000.0, duration_s=3.0).show(1), 3).rest()
    facts, others = made.split(ROOMS.name)
    # A room starts, lists its 20 products, and names the product that is on.
    assert facts.records > 22 * 50
    assert facts.records + others.records == made.records
    topics = {batch.topic for chunk in others.chunks for batch in chunk.batches}
    assert ROOMS.name not in topics
    assert len(topics) == 4


def test_a_show_that_is_too_short_is_refused() -> None:
    with pytest.raises(UsageError, match=r"festival has only [\d,]+ records"):
        Mill(Festival(1, events_per_s=100.0, duration_s=1.0).show(1), 1).make(100_000)


@pytest.mark.parametrize(("zipf", "least", "most"), [(0.0, 0.0, 0.1), (4.0, 0.85, 1.0)])
def test_a_celebrity_has_nine_tenths_of_everything(zipf: float, least: float, most: float) -> None:
    show = Festival(30, zipf=zipf, events_per_s=5_000.0).show(1)
    keys = [record.key for record in islice(show.records(), 10_000) if record.topic != ROOMS.name]
    assert least < keys.count(b"room-00001") / len(keys) < most
