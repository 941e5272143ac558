"""The simulation sees every mistake: with any step left out or misplaced, it fails."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.simulation.mutants import MUTANTS, Mutant, Steps
from tests.simulation.process import Protocol
from tests.simulation.reference import Reference, reference
from tests.simulation.scenario import Scenario, scenarios
from tests.simulation.store import Violation
from tests.simulation.world import simulate

#: The same on every run: whether a mutant is found must not depend on luck.
_SEED = 20261122
_SCENARIOS = 600

Corpus = list[tuple[Scenario, Reference]]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """Scenarios, and what the right code makes of them."""
    found: Corpus = []

    @seed(_SEED)
    @settings(
        max_examples=_SCENARIOS,
        phases=[Phase.generate],
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(scenario=scenarios())
    def collect(scenario: Scenario) -> None:
        found.append((scenario, reference(scenario)))

    collect()
    return found


def _violations(corpus: Corpus, protocol: Protocol, enough: int) -> list[str]:
    found = []
    for scenario, expected in corpus:
        try:
            simulate(scenario, expected, protocol)
        except Violation as violation:
            found.append(str(violation))
            if len(found) >= enough:
                break
    return found


def test_right_protocol_passes_every_scenario(corpus: Corpus) -> None:
    assert _violations(corpus, Protocol(), enough=1) == []


def test_protocol_as_a_list_of_steps_passes_as_long_as_they_are_in_order(corpus: Corpus) -> None:
    assert _violations(corpus, Protocol(pipeline=Steps), enough=1) == []


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS.keys())
def test_simulation_fails_when(
    mutant: Mutant, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    for owner, name, wrong in mutant.patches:
        monkeypatch.setattr(owner, name, wrong)
    assert _violations(corpus, mutant.protocol, enough=1)
