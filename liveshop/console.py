"""What the commands say: figures on standard output, everything else on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from schemas.errors import LiveshopError

#: For people: progress, hints, errors. Quiet in a pipe.
console = Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """One line of a command's result."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """One line for people who watch; nothing in a pipe."""
    if console.is_terminal:
        console.print(text)


def complain(error: LiveshopError) -> None:
    """One clear sentence and a hint."""
    console.print(f"liveshop: {error.sentence}", style="bold red", markup=False, soft_wrap=True)
    if error.hint:
        console.print(f"  hint: {error.hint}", markup=False, soft_wrap=True)


class Meter:
    """A progress bar with rate and time left; silent where nobody watches."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def to(self, done: float, text: str = "") -> None:
        """Show how far it is."""
        self._progress.update(self._task, completed=done, info=text)

    def total(self, total: float) -> None:
        """Say how much there is."""
        self._progress.update(self._task, total=total)


@contextmanager
def meter(title: str, total: float | None, *, counts: bool = False) -> Iterator[Meter]:
    """Show a :class:`Meter` while the block runs.

    Args:
        title: what is going on.
        total: how much there is; ``None`` while that is not known.
        counts: show "12/345" (for records) instead of the bar alone (for seconds).
    """
    columns = [TextColumn("[bold]{task.description}"), BarColumn(bar_width=30)]
    if counts:
        columns.append(MofNCompleteColumn())
    with Progress(
        *columns,
        TimeElapsedColumn(),
        TextColumn("eta"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[info]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        yield Meter(progress, progress.add_task(title, total=total, info=""))
