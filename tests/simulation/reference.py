"""What must be there in the end: each partition folded at once, by one worker that never dies."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

from faust.types import TP

from streams.catalog import PLAIN_FOLDS
from streams.fold import Checkpoint, PartitionFold, Taken
from tests.properties.model import ModelStore
from tests.simulation.broker import Totals
from tests.simulation.scenario import Scenario
from tests.simulation.store import Row


@dataclass
class Reference:
    """The rows of every table, the checkpoints, and what was published.

    Attributes:
        rows: table → its merged rows.
        checkpoints: the last checkpoint of each partition that has one.
        letters: ``(topic, partition, offset, reason)`` of every dead letter.
        totals: what the leaderboard knows.
        remembered: how many ids each partition remembers.
    """

    rows: dict[str, set[Row]] = field(default_factory=dict)
    checkpoints: dict[TP, Checkpoint] = field(default_factory=dict)
    letters: set[tuple[str, int, int, str]] = field(default_factory=set)
    totals: Totals = field(default_factory=Totals)
    remembered: dict[TP, int] = field(default_factory=dict)


def reference(scenario: Scenario) -> Reference:
    """Fold every log as one batch, one event after the other, and take once."""
    expected = Reference()
    for (tp, log), first in zip(scenario.partitions.items(), scenario.first, strict=True):
        fold: PartitionFold = PLAIN_FOLDS[tp.topic](tp.partition, scenario.policy)
        fold.skip_gap(first)
        fold.fold(log.batch(first, max(log.end, first)))
        if fold.is_dirty:
            taken = fold.take()
            expected.checkpoints[tp] = taken.checkpoint
            _add(expected, tp, taken)
        expected.remembered[tp] = fold.remembered
    return expected


def _add(expected: Reference, tp: TP, taken: Taken) -> None:
    store = ModelStore()
    store.write(taken)
    content: dict[str, Any] = store.content()
    content["audience_in"] = {row: row for row in content.pop("audience")}
    content["dead_letter"] = {
        letter.offset: (
            *tp,
            letter.offset,
            letter.appended_ms,
            letter.reason,
            letter.detail,
            base64.b64encode(letter.key or b"").decode(),
            base64.b64encode(letter.value or b"").decode(),
        )
        for letter in taken.dead_letters
    }
    for table, rows in content.items():
        expected.rows.setdefault(table, set()).update(rows.values())
    expected.letters |= {(*tp, letter.offset, letter.reason) for letter in taken.dead_letters}
    expected.totals.take(taken)
