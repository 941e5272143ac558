"""What a person sees while things go wrong: the last faults, the lag, and GMV against the truth."""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import Final, Self

from rich.console import Group
from rich.live import Live
from rich.progress import Progress
from rich.text import Text

from liveshop.chaos.timeline import Happening, Sample
from liveshop.console import console, meter_columns
from schemas.money import format_minor

_KEPT: Final = 8


class ChaosScreen:
    """A few lines that are kept up to date at the bottom of the terminal; nothing in a pipe.

    Args:
        currency: of the GMV.
    """

    def __init__(self, currency: str) -> None:
        self._currency = currency
        self._progress = Progress(*meter_columns(), console=console)
        self._task = self._progress.add_task("starting", total=None, info="")
        self._last: deque[Text] = deque(maxlen=_KEPT)
        self._figures = Text()
        self._live = Live(
            get_renderable=lambda: Group(*self._last, self._figures, self._progress),
            console=console,
            transient=True,
            refresh_per_second=4,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        if console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if console.is_terminal:
            self._live.stop()

    def phase(self, title: str, total: float | None = None) -> None:
        """Begin something new; ``total`` is how much there is, if that is known."""
        self._progress.remove_task(self._task)
        self._task = self._progress.add_task(title, total=total, info="")

    def to(self, done: float, text: str = "") -> None:
        """Show how far it is."""
        self._progress.update(self._task, completed=done, info=text)

    def happened(self, happening: Happening) -> None:
        """Show what went wrong, or what is right again."""
        style = "bold red" if happening.fault else "green"
        self._last.append(
            Text(f"{happening.at_s:7.1f} s  {happening.who:<10} {happening.what}", style=style)
        )

    def sampled(self, sample: Sample) -> None:
        """Show how far the store is behind the truth."""
        self._figures = Text(figures_line(sample, self._currency), style="cyan")


def figures_line(sample: Sample, currency: str) -> str:
    """A sample in one line."""
    stored, sent = (
        format_minor(amount, currency) for amount in (sample.stored_minor, sample.sent_minor)
    )
    away = "" if sample.store_answers else " · the store is away"
    return (
        f"GMV in the store {stored} of {sent} {currency} · lag {sample.lag:,} records · "
        f"{sample.workers} workers{away}"
    )
