"""A soak as one picture: memory, what waits, and rates, over time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from benchmarks.soak import Soak
from liveshop.svg import LEFT, RIGHT, Panel, picture, short, text

_HEIGHT: Final = 540
#: Tops and bottoms of the panels.
_MEMORY: Final = (92, 212)
_WAITING: Final = (252, 352)
_RATE: Final = (392, 492)
#: Rates are averages over so many seconds: a flush or a commit comes in one piece.
_OVER_S: Final = 3


def draw_soak(run: Soak) -> str:
    """The SVG file's text."""
    samples = run.samples
    span_s = max([1.0, *(one.at_s for one in samples)])
    rss = [(one.at_s, one.rss_mb) for one in samples]
    lag = [(one.at_s, float(one.lag)) for one in samples]
    unflushed = [(one.at_s, float(one.unflushed)) for one in samples]
    stored = list(_rates([(one.at_s, float(one.sent - one.lag)) for one in samples]))
    memory = Panel.holding(*_MEMORY, (mb for _, mb in rss), span_s)
    waiting = Panel.holding(*_WAITING, (records for _, records in lag), span_s)
    rate = Panel.holding(*_RATE, (per_s for _, per_s in stored), span_s)
    title = f"{run.records:,} records at {run.rate:,.0f}/s, one worker"
    parts = [
        text(20, 32, title, "title"),
        text(20, 52, _subtitle(run), "dim"),
        *_away(run, memory),
        text(LEFT, _MEMORY[0] - 10, "worker's resident memory, MB", "dim"),
        *memory.grid(short),
        memory.line("store", rss),
        text(
            LEFT,
            _WAITING[0] - 10,
            "records sent and not committed; line: folded, not stored",
            "dim",
        ),
        *waiting.grid(short),
        waiting.area("lag", lag),
        waiting.line("store", unflushed),
        text(LEFT, _RATE[0] - 10, "records stored per second", "dim"),
        *rate.grid(short),
        rate.line("store", stored),
        *rate.axis(_HEIGHT - 20),
    ]
    return picture(_HEIGHT, title, parts)


def _subtitle(run: Soak) -> str:
    words = f"peak {run.peak_rss_mb:.0f} MB"
    if run.rss_mb_per_hour is not None:
        words += f", {run.rss_mb_per_hour:+.1f} MB per hour once settled"
    if run.away is not None and run.catch_up_s is not None:
        left_s, back_s = run.away
        words += (
            f" · ClickHouse away for {back_s - left_s:.0f} s, "
            f"kept up again {run.catch_up_s:.0f} s after its return"
        )
    return words


def _away(run: Soak, panel: Panel) -> Iterator[str]:
    if run.away is None:
        return
    left, back = (panel.x(at_s) for at_s in run.away)
    height = _RATE[1] - _MEMORY[0]
    yield (
        f'<rect class="away" x="{left:.1f}" y="{_MEMORY[0]}" '
        f'width="{min(back, RIGHT) - left:.1f}" height="{height}"/>'
    )


def _rates(totals: list[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Per second, from totals over time."""
    for (then_s, before), (now_s, now) in zip(totals, totals[_OVER_S:], strict=False):
        yield now_s, (now - before) / max(now_s - then_s, 1e-9)
