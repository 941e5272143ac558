"""One measurement from the command line: what is noted before it, and where its result goes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NoReturn

import typer

from benchmarks.machine import describe
from benchmarks.output import Output
from benchmarks.result import Case, Result


class Session:
    """Made before anything is measured, so that the machine is described as it was found.

    Args:
        output: where the result goes.
        settings: what the run can be repeated with.
    """

    def __init__(self, output: Output, **settings: str | float) -> None:
        self._output = output
        self._settings = settings
        self._machine = describe()
        self._began_at = datetime.now(UTC).isoformat(timespec="seconds")

    def end(self, cases: dict[str, Case]) -> NoReturn:
        """Deliver the result, and exit: 1 where a ratio regressed."""
        result = Result(
            benchmark=self._output.benchmark,
            began_at=self._began_at,
            settings=dict(self._settings),
            machine=self._machine,
            cases=cases,
        )
        raise typer.Exit(self._output.deliver(result))
