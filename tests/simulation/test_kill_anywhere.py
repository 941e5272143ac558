"""Kill anything at any moment: the rows equal those of a run without deaths."""

from __future__ import annotations

from hypothesis import given, settings

from tests.simulation.reference import reference
from tests.simulation.scenario import Scenario, scenarios
from tests.simulation.world import simulate

_EXAMPLES = max(300, settings().max_examples)


@settings(max_examples=_EXAMPLES)
@given(scenario=scenarios())
def test_whatever_happens_the_rows_equal_those_of_a_run_without_deaths(scenario: Scenario) -> None:
    simulate(scenario, reference(scenario))
