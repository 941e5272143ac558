"""The search on several cores."""

from __future__ import annotations

import multiprocessing
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Final

from tests.simulation.search import Deaths, search
from tests.simulation.store import Violation
from tests.simulation.world import tiny_and_quiet

#: Examples that share a seed. Hypothesis remembers what it has tried, which takes memory.
_PER_SEED: Final = 1_000
_SHOW_EVERY_S: Final = 0.5


@dataclass(frozen=True)
class Found:
    """What a search has found.

    Attributes:
        examples: how many scenarios happened; more than were asked for if one had to be shrunk.
        last_seed: of the seeds that were used.
        deaths: how workers died.
        wrong: the traceback of a violation, with its scenario; empty if all is well.
    """

    examples: int
    last_seed: int
    deaths: Deaths
    wrong: str


def search_in_parallel(
    first_seed: int, examples: int, jobs: int, show: Callable[[int], None]
) -> Found:
    """Let scenarios happen until all have, or one comes out wrong.

    Args:
        first_seed: every thousand examples have the next one.
        examples: how many.
        jobs: processes.
        show: called with the number of examples done.
    """
    context = multiprocessing.get_context("spawn")
    counter = context.Value("q", 0)
    deaths: Deaths = Counter()
    wrong = ""
    with ProcessPoolExecutor(jobs, context, _begin, (counter,)) as pool:
        parts = [
            pool.submit(_search, number, size)
            for number, size in enumerate(_sizes(examples), start=first_seed)
        ]
        left = set(parts)
        try:
            while left and not wrong:
                done, left = wait(left, timeout=_SHOW_EVERY_S)
                show(counter.value)
                for part in done:
                    died, violation = part.result()
                    deaths += died
                    wrong = wrong or violation
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return Found(counter.value, first_seed + len(parts) - 1, deaths, wrong)


def _sizes(total: int) -> Iterator[int]:
    while total > 0:
        yield min(total, _PER_SEED)
        total -= _PER_SEED


# --- in a process of the pool -----------------------------------------------------------------

_counter: Any = None


def _begin(counter: Any) -> None:
    global _counter
    _counter = counter


def _count() -> None:
    with _counter.get_lock():
        _counter.value += 1


def _search(number: int, examples: int) -> tuple[Deaths, str]:
    with tiny_and_quiet():
        try:
            return search(number, examples, _count), ""
        except Violation:
            return Counter(), f"seed {number}\n{traceback.format_exc()}"
