"""What the commands say: results on standard output, everything else on standard error."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from schemas.errors import LiveshopError

#: For people: progress, notes, errors. Without colours and progress in a pipe.
console = Console(stderr=True, highlight=False)


def tolerate_any_terminal() -> None:
    """Write a question mark for what the terminal's encoding lacks, instead of failing."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def say(text: str) -> None:
    """One line of a command's result."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def say_bytes(content: bytes) -> None:
    """A command's result, or a part of it, as it stands; JSON and pages are UTF-8 everywhere."""
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.flush()


def note(text: str) -> None:
    """One line for people who watch; nothing in a pipe."""
    if console.is_terminal:
        tell(text)


def tell(text: str) -> None:
    """One line for people, also in a pipe; it is not part of the result."""
    console.print(text, markup=False, soft_wrap=True)


def complain(error: LiveshopError) -> None:
    """One clear sentence and a hint."""
    console.print(f"liveshop: {error.sentence}", style="bold red", markup=False, soft_wrap=True)
    if error.hint:
        tell(f"  hint: {error.hint}")


def safe(content: str | bytes) -> str:
    r"""Text that a terminal only ever shows: all that is not printable becomes ``\x1b`` or alike."""
    text = content.decode("utf-8", "backslashreplace") if isinstance(content, bytes) else content
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


class Meter:
    """A progress bar with rate and time left; silent where nobody watches."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def to(self, done: float, text: str = "") -> None:
        """Show how far it is."""
        self._progress.update(self._task, completed=done, info=text)


@contextmanager
def meter(title: str, total: float | None, *, counts: bool = False) -> Iterator[Meter]:
    """Show a :class:`Meter` while the block runs.

    Args:
        title: what is going on.
        total: how much there is; ``None`` while that is not known.
        counts: show "12/345" and a rate (for records) instead of the bar alone (for seconds).
    """
    with Progress(
        *meter_columns(counts=counts),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        yield Meter(progress, progress.add_task(title, total=total, info=""))


class RateColumn(ProgressColumn):
    """Steps per second, over the last moments."""

    def render(self, task: Task) -> Text:
        """``12,345/s``; nothing before there is a rate."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s", style="progress.data.speed")


def meter_columns(*, counts: bool = False) -> list[ProgressColumn]:
    """What is going on, how far, for how long, how long still, and in words (``info``)."""
    return [
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=30),
        *([MofNCompleteColumn(), RateColumn()] if counts else []),
        TimeElapsedColumn(),
        TextColumn("eta"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[info]}", markup=False),
    ]
