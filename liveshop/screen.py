"""What a person sees on the terminal while a demo runs: how far it is, and the figures so far."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Group
from rich.live import Live
from rich.progress import Progress
from rich.text import Text

from liveshop.console import console, meter_columns

#: No more currencies than this on one line.
_CURRENCIES = 3


class Screen:
    """A few lines that are kept up to date at the bottom of the terminal; nothing in a pipe.

    Args:
        shown: whether anybody wants to see it.
    """

    def __init__(self, *, shown: bool) -> None:
        self.shown = shown and console.is_terminal
        self._progress = Progress(*meter_columns(), console=console)
        self._task = self._progress.add_task("starting", total=None, info="")
        self._figures = Text()
        self._live = Live(
            get_renderable=self._lines,
            console=console,
            transient=True,
            refresh_per_second=4,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        if self.shown:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.shown:
            self._live.stop()

    def phase(self, title: str, total: float | None = None) -> None:
        """Begin something new; ``total`` is how much there is, if that is known."""
        self._progress.remove_task(self._task)
        self._task = self._progress.add_task(title, total=total, info="")

    def to(self, done: float, text: str = "") -> None:
        """Show how far it is."""
        self._progress.update(self._task, completed=done, info=text)

    def figures(self, snapshot: Mapping[str, Any]) -> None:
        """Show the figures of a snapshot of the live page; keeps the last ones it understood."""
        line = figures_line(snapshot)
        if line:
            self._figures = Text(line, style="cyan", overflow="ellipsis", no_wrap=True)

    def _lines(self) -> Group:
        return Group(self._progress, self._figures) if self._figures else Group(self._progress)


def figures_line(snapshot: Mapping[str, Any]) -> str:
    """GMV, orders, lag and trust in one line; empty if the snapshot is not as we know it.

    Args:
        snapshot: what ``/api/live`` answers (``agents.live.snapshot.Snapshot``).
    """
    try:
        sales = snapshot["total"]["sales"]
        gmv = [f"{one['gmv']['text']} {one['currency']}" for one in sales[:_CURRENCIES]]
        orders = sum(one["orders"] for one in sales)
        trust = snapshot["trust"]
        return (
            f"GMV {' + '.join(gmv) or '0'} · {orders:,} orders · "
            f"lag {trust['worker']['lag_records']:,} · {trust['verdict']['sentence']}"
        )
    except (KeyError, TypeError, ValueError):
        return ""
