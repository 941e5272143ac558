"""Looks through many scenarios: for one that breaks the protocol, or for one that sees a mistake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from hypothesis import HealthCheck, Phase, given, seed, settings

from agents.sink import LEDGER_OF_IDS
from tests.simulation.process import Process, Protocol
from tests.simulation.reference import Reference, reference
from tests.simulation.scenario import Scenario, scenarios
from tests.simulation.store import Fault, Violation
from tests.simulation.world import simulate

#: Scenarios in which every mistake must be seen, the same on every run: that must not be luck.
CORPUS_SEED: Final = 20_261_122
CORPUS_SIZE: Final = 400

Corpus = Sequence[tuple[Scenario, Reference]]
#: ``(what a worker asked for when it was killed, what became of that)`` → how often.
Deaths = Counter[tuple[str, str]]

_ASKED: Final = {
    "messages": "publish",
    "checkpoint_link": "write links",
    "checkpoint": "write checkpoints",
    "acknowledgements": "acknowledge",
    LEDGER_OF_IDS: "ask the ledger",
}
_BECAME: Final = {
    Fault.REJECTED: "never happened",
    Fault.HALF: "half of it happened",
    Fault.LATE: "happened later",
    None: "happened",
}


def look_through(
    number: int,
    examples: int,
    visit: Callable[[Scenario], None],
    phases: Iterable[Phase] = (Phase.generate, Phase.shrink),
) -> None:
    """Call ``visit`` with so many scenarios; one seed means the same ones.

    Raises:
        Violation: what ``visit`` raised, for the smallest scenario that was found for it.
    """

    @seed(number)
    @settings(
        max_examples=examples,
        phases=list(phases),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(scenario=scenarios())
    def visit_all(scenario: Scenario) -> None:
        visit(scenario)

    visit_all()


def search(number: int, examples: int, on_example: Callable[[], None]) -> Deaths:
    """Let so many scenarios happen to the real code.

    Returns:
        How the workers in them died.

    Raises:
        Violation: something came out that must not; its notes have the scenario.
    """
    deaths: Deaths = Counter()

    def visit(scenario: Scenario) -> None:
        world = simulate(scenario, reference(scenario))
        deaths.update(_death(process) for process in world.processes if process.end is not None)
        on_example()

    look_through(number, examples, visit)
    return deaths


def _death(process: Process) -> tuple[str, str]:
    assert process.end is not None
    asked, fault = process.end
    if not asked:
        return "nothing", "-"
    if asked.startswith("SELECT"):  # A question has no half, and no later.
        return _ASKED.get(asked, "restore"), "happened" if fault is None else "never happened"
    return _ASKED.get(asked, "insert rows"), _BECAME[fault]


def corpus(size: int = CORPUS_SIZE) -> Corpus:
    """The scenarios for mistakes, and what the right code makes of each."""
    found: list[tuple[Scenario, Reference]] = []
    look_through(
        CORPUS_SEED,
        size,
        lambda scenario: found.append((scenario, reference(scenario))),
        [Phase.generate],
    )
    return found


def first_violation(corpus: Corpus, protocol: Protocol) -> tuple[int, str] | None:
    """How many scenarios it takes until something is wrong with a protocol, and what."""
    for count, (scenario, expected) in enumerate(corpus, start=1):
        try:
            simulate(scenario, expected, protocol)
        except Violation as violation:
            return count, str(violation)
    return None
