"""``python -m tests.simulation``: kill anything at any moment, thousands of times."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Annotated

import typer
from hypothesis import settings

from liveshop.console import meter, say
from tests import hypothesis_profiles
from tests.simulation import search
from tests.simulation.mutants import MUTANTS
from tests.simulation.parallel import search_in_parallel
from tests.simulation.search import Deaths
from tests.simulation.world import tiny_and_quiet

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command("search")
def search_command(
    examples: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="scenarios; the profile 'simulate' says how many"),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="S", help="the first seed")] = 1,
    jobs: Annotated[
        int, typer.Option(min=1, metavar="N", help="processes; one per core unless told")
    ] = os.cpu_count() or 1,
) -> None:
    """Let scenarios happen to the real pipeline and sink; exit 1 if one comes out wrong."""
    hypothesis_profiles.load()
    total = examples or settings.get_profile("simulate").max_examples
    began = time.monotonic()
    with meter("simulating", total, counts=True) as shown:

        def show(done: int) -> None:
            shown.to(min(done, total))

        found = search_in_parallel(seed, total, jobs, show)
    seconds = time.monotonic() - began
    if found.wrong:
        say(found.wrong)
        say(f"after {found.examples:,} examples, {seconds:.0f} s: a scenario came out wrong")
        raise typer.Exit(1)
    for line in _table(found.deaths):
        say(line)
    say(
        f"{total:,} examples in {seconds:.0f} s ({total / seconds:.0f}/s, {jobs} processes, "
        f"seeds {seed} to {found.last_seed}): every one ended with the rows of a run without deaths"
    )


def _table(deaths: Deaths) -> Iterator[str]:
    """Where workers were killed, as Markdown."""
    became = ("never happened", "half of it happened", "happened later", "happened")
    asked = (
        "restore",
        "ask the ledger",
        "insert rows",
        "publish",
        "write ids",
        "write checkpoints",
        "acknowledge",
    )
    yield f"| killed while it asked to | {' | '.join(became)} |"
    yield "|---|" + "--:|" * len(became)
    for what in asked:
        yield f"| {what} | {' | '.join(f'{deaths[what, how]:,}' for how in became)} |"
    yield f"\n{deaths['nothing', '-']:,} were killed while they asked for nothing.\n"


@app.command("mistakes")
def mistakes_command() -> None:
    """Try every mistake of mutants.py, and count the scenarios until it is seen; Markdown."""
    with tiny_and_quiet():
        corpus = search.corpus()
        missed = 0
        say("| step | mistake | seen in scenario | as |")
        say("|---|---|--:|---|")
        with meter("trying", len(MUTANTS), counts=True) as shown:
            for number, (name, mutant) in enumerate(MUTANTS.items()):
                shown.to(number, name)
                with mutant.applied() as protocol:
                    found = search.first_violation(corpus, protocol)
                missed += found is None
                count, what = found or ("never", "")
                say(f"| {name.replace(': ', ' | ', 1)} | {count} | {_brief(what)} |")
    raise typer.Exit(1 if missed else 0)


def _brief(violation: str) -> str:
    """What was seen, without the rows that were compared."""
    return violation.split(": unexpected", 1)[0].replace("|", "/")[:90]


if __name__ == "__main__":
    app()
