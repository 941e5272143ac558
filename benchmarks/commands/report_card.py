"""``python -m benchmarks report-card``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks import report_card
from liveshop.console import say


def command(
    size: Annotated[
        report_card.Size, typer.Option(help="some ten minutes, or some hours")
    ] = "short",
    folder: Annotated[
        Path, typer.Option(metavar="DIR", help="where results, tables and charts go")
    ] = Path("out/report-card"),
    only: Annotated[
        str,
        typer.Option(
            metavar="NAME,NAME", help="measure only these; the others' results stay  [default: all]"
        ),
    ] = "",
    draw_only: Annotated[
        bool, typer.Option("--draw-only", help="measure nothing; draw what is there")
    ] = False,
) -> None:
    """All benchmarks, one after the other: goals, tables and charts in one folder."""
    names = [name.strip() for name in only.split(",") if name.strip()] or list(report_card.RUNS)
    failures = [] if draw_only else report_card.measure(folder, size, names)
    goals = report_card.write(folder, failures)
    met = sum(goal.met is True for goal in goals)
    measured = sum(goal.met is not None for goal in goals)
    say(f"{met} of {measured} measured goals met: {folder / 'report-card.md'}")
    if failures:
        raise typer.Exit(1)
