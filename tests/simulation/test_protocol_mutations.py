"""The simulation sees every mistake: with any step left out or misplaced, it fails."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.simulation.mutants import MUTANTS, Mutant, Steps
from tests.simulation.process import Protocol
from tests.simulation.search import Corpus, corpus, first_violation

#: Every mistake is seen sooner.
_ENOUGH = 200
_PAGE = Path(__file__).parents[2] / "docs" / "simulation.md"


@pytest.fixture(scope="module")
def scenarios() -> Corpus:
    """Scenarios, and what the right code makes of them."""
    return corpus()


def test_right_protocol_passes_every_scenario(scenarios: Corpus) -> None:
    assert first_violation(scenarios[:_ENOUGH], Protocol()) is None


def test_protocol_as_a_list_of_steps_passes_as_long_as_they_are_in_order(
    scenarios: Corpus,
) -> None:
    assert first_violation(scenarios[:_ENOUGH], Protocol(pipeline=Steps)) is None


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS.keys())
def test_simulation_fails_with(mutant: Mutant, scenarios: Corpus) -> None:
    with mutant.applied() as protocol:
        assert first_violation(scenarios, protocol) is not None


def test_page_lists_every_mistake_and_no_other() -> None:
    _, page = _PAGE.read_text().split("\n## Mistakes it sees\n")
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| \d+ \|", page, re.MULTILINE)
    assert [f"{step}: {mistake}" for step, mistake in rows] == list(MUTANTS)
