"""Scenarios that the simulation once found, as it shrank them."""

from __future__ import annotations

import pytest

from agents.pipeline import Pipeline
from schemas import topics
from streams.fold import AnyBatch
from streams.windows import WindowPolicy
from tests.properties.strategies import START_MS, Log, Numbers, Record, encode, make_event
from tests.simulation.mutants import AcknowledgesForOthers
from tests.simulation.process import Protocol
from tests.simulation.reference import reference
from tests.simulation.scenario import Action, Scenario
from tests.simulation.store import Violation
from tests.simulation.world import simulate

_POLICY = WindowPolicy(
    window_ms=1_000, allowed_lateness_ms=2_000, max_ahead_ms=20_000, dedup_ids=1, late_per_slice=2
)


def _orders(count: int) -> Log:
    records = []
    for offset in range(count):
        now_ms = START_MS + 400 * (offset + 1)
        event = make_event(topics.PURCHASES, str(offset), now_ms, Numbers())
        records.append(Record(offset, now_ms, encode(event)))
    return Log(topics.PURCHASES, 0, _POLICY, tuple(records))


def _scenario(orders: int, *actions: tuple[str, int, int]) -> Scenario:
    return Scenario(
        policy=_POLICY,
        logs=(_orders(orders),),
        first=(0,),
        workers=2,
        actions=tuple(Action(*action) for action in actions),
        restarted=frozenset(),
        frozen=frozenset(),
    )


class FoldsIntoWhatIsThereAfterTheWait(Pipeline):
    """A batch belongs to the fold that is there when it has waited, not when it came."""

    async def _fold(self, batch: AnyBatch) -> None:
        await self._room.wait()
        await super()._fold(batch)


#: A flush ends after its partition went away and came back: it moved counters back, which
#: Prometheus refuses, and positions.
_OUTRUN = _scenario(
    3,
    *(("fetch", 0, 0),) * 3,
    ("take_over", 0, 0),
    ("fetch", 0, 0),
    ("oversleep", 0, 7),
)
#: A batch waits for the store while its partition is read back from a checkpoint below it: it was
#: taken for one that does not follow on what was folded.
_WAITED = _scenario(
    6,
    ("die", 0, 0),
    ("oversleep", 0, 0),
    ("fetch", 0, 6),
    ("run_on", 1, 0),
    ("fetch", 0, 0),
    ("fetch", 0, 0),
)


@pytest.mark.parametrize(
    ("scenario", "mistake"),
    [(_OUTRUN, AcknowledgesForOthers), (_WAITED, FoldsIntoWhatIsThereAfterTheWait)],
    ids=["outrun", "waited"],
)
def test_what_was_found_once_is_mended(scenario: Scenario, mistake: type[Pipeline]) -> None:
    expected = reference(scenario)
    with pytest.raises(Violation):
        simulate(scenario, expected, Protocol(pipeline=mistake))
    simulate(scenario, expected)
