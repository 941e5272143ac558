"""The hot path's cutting and its audit: what keeps its figures honest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from benchmarks.hot_path import Audit, Shape, cut, measure
from benchmarks.load import Load, LoadSpec, WrongTotals, prepare
from producers.partitioning import partition_of
from schemas.errors import UsageError
from streams.catalog import FOLDS
from streams.fold import PartitionFold
from streams.windows import WindowPolicy

SHAPE = Shape(partitions=3, poll=500, flush_every=1_000)


@pytest.fixture(scope="module")
def loads() -> dict[str, Load]:
    """A small show."""
    return prepare(LoadSpec("boutique", seed=3, scale=1.0, records=4_000))


def test_a_rare_topic_goes_on_with_the_show_until_it_has_enough(loads: dict[str, Load]) -> None:
    more = prepare(LoadSpec("boutique", seed=3, scale=1.0, records=4_000), least=900)
    assert more["mixed"] == loads["mixed"]
    assert len(loads["chat"].records) < 900 < len(loads["traffic"].records)
    assert len(more["chat"].records) == more["chat"].truth.sent.records == 900
    assert more["chat"].records[: len(loads["chat"].records)] == loads["chat"].records
    assert more["traffic"] == loads["traffic"]
    assert more["rooms"] == loads["rooms"]


def test_every_topic_is_a_part_of_the_mixed_load(loads: dict[str, Load]) -> None:
    parts = [load for name, load in loads.items() if name != "mixed"]
    assert sum(len(part.records) for part in parts) == len(loads["mixed"].records) == 4_000
    assert sum(part.truth.sent.events for part in parts) == loads["mixed"].truth.sent.events


def test_a_show_that_is_too_short_is_refused() -> None:
    with pytest.raises(UsageError, match="has only"):
        prepare(LoadSpec("boutique", seed=1, scale=0.001, records=1_000_000))


def test_cutting_keeps_every_record_in_the_order_of_its_partition(loads: dict[str, Load]) -> None:
    records = loads["mixed"].records
    found: dict[tuple[str, int], list[Any]] = {}
    for fetch in cut(records, SHAPE):
        assert sum(map(len, fetch)) <= SHAPE.poll
        for batch in fetch:
            so_far = found.setdefault((batch.topic, batch.partition), [])
            assert batch.start == len(so_far)
            so_far += batch.unpacked().values
            assert batch.next_offset == len(so_far)
    for (topic, partition), values in found.items():
        assert values == [
            record.value
            for record in records
            if record.topic == topic and partition_of(record.key, 3) == partition
        ]


def _audit(load: Load) -> Audit:
    audit = Audit()
    folds: dict[tuple[str, int], PartitionFold] = {}
    for fetch in cut(load.records, SHAPE):
        for batch in fetch:
            fold = folds.setdefault(
                (batch.topic, batch.partition), FOLDS[batch.topic](batch.partition, WindowPolicy())
            )
            fold.fold(batch)
            audit.add(fold.take())
    return audit


def test_a_fold_that_is_right_passes_the_audit(loads: dict[str, Load]) -> None:
    audit = _audit(loads["mixed"])
    audit.check("mixed", loads["mixed"].truth)
    assert audit.summary()["consumed"] == 4_000
    assert audit.summary()["orders"] > 0


@pytest.mark.parametrize("figure", ["records", "events", "duplicates", "unreadable"])
def test_a_wrong_count_does_not_pass_the_audit(figure: str, loads: dict[str, Load]) -> None:
    truth = loads["mixed"].truth
    sent = msgspec.structs.replace(truth.sent, **{figure: getattr(truth.sent, figure) + 1})
    with pytest.raises(WrongTotals):
        _audit(loads["mixed"]).check("mixed", msgspec.structs.replace(truth, sent=sent))


def test_a_single_cent_too_much_does_not_pass_the_audit(loads: dict[str, Load]) -> None:
    truth = loads["mixed"].truth
    total = dict(truth.total)
    money = total[truth.currency]
    total[truth.currency] = msgspec.structs.replace(money, gmv_minor=money.gmv_minor + 1)
    with pytest.raises(WrongTotals, match="GMV"):
        _audit(loads["mixed"]).check("mixed", msgspec.structs.replace(truth, total=total))


def test_a_measurement_of_wrong_rows_fails_instead_of_giving_a_figure(
    loads: dict[str, Load],
) -> None:
    load = loads["purchases"]
    with pytest.raises(WrongTotals):
        measure({"purchases": replace(load, records=load.records[:-1])}, SHAPE, 1)
