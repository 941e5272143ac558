"""A chaos run as one SVG file that needs nothing else, legible on light and dark ground."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from liveshop.chaos.plan import Kind
from liveshop.chaos.record import Record
from liveshop.chaos.timeline import Sample

_WIDTH: Final = 960
_HEIGHT: Final = 560
_LEFT: Final = 140
_RIGHT: Final = 936
_LANES: Final = (
    (Kind.KILL_WORKER, "worker killed"),
    (Kind.FREEZE_WORKER, "worker frozen"),
    (Kind.RESTART_BROKER, "Kafka restarted"),
    (Kind.KILL_BROKER, "Kafka killed"),
    (Kind.KILL_STORE, "ClickHouse killed"),
    (Kind.ADD_WORKER, "worker added"),
    (Kind.STOP_WORKER, "worker stopped"),
)
_STYLE: Final = """
svg { --ink: #1f2328; --dim: #656d76; --line: #d8dee4; --ground: #ffffff; --truth: #8c959f;
  --store: #0969da; --lag: #bc4c00; --fault: #cf222e;
  font: 12px system-ui, -apple-system, 'Segoe UI', sans-serif; }
@media (prefers-color-scheme: dark) { svg { --ink: #e6edf3; --dim: #9198a1; --line: #30363d;
  --ground: #0d1117; --truth: #9198a1; --store: #4493f8; --lag: #f0883e; --fault: #ff7b72; } }
.ground { fill: var(--ground); } text { fill: var(--ink); } .dim { fill: var(--dim); }
.title { font-size: 16px; font-weight: 600; } .end { text-anchor: end; }
.middle { text-anchor: middle; } .grid { stroke: var(--line); }
.truth { fill: none; stroke: var(--truth); stroke-width: 5; opacity: .55; }
.store { fill: none; stroke: var(--store); stroke-width: 2; }
.lag { fill: var(--lag); fill-opacity: .25; stroke: var(--lag); stroke-width: 1.2; }
.mark { stroke: var(--fault); stroke-opacity: .28; } .dot { fill: var(--fault); }
"""


@dataclass(frozen=True, slots=True)
class _Panel:
    """A part of the picture with a scale of its own, from 0 to ``most``."""

    top: float
    bottom: float
    most: float
    span_s: float

    def x(self, at_s: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * at_s / self.span_s

    def y(self, value: float) -> float:
        return self.bottom - (self.bottom - self.top) * min(value, self.most) / self.most

    def path(self, samples: Sequence[Sample], value: Callable[[Sample], float]) -> str:
        return " ".join(f"{self.x(one.at_s):.1f},{self.y(value(one)):.1f}" for one in samples)

    def area(self, samples: Sequence[Sample], value: Callable[[Sample], float]) -> str:
        last_s = samples[-1].at_s if samples else 0.0
        corners = (f"{self.x(at_s):.1f},{self.bottom}" for at_s in (last_s, 0.0))
        return f"{self.path(samples, value)} {' '.join(corners)}"

    def grid(self, words: Callable[[float], str]) -> Iterator[str]:
        for part in range(5):
            value = self.most * part / 4
            y = self.y(value)
            yield f'<line class="grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield _text(_LEFT - 8, y + 4, words(value), "dim end")


def draw_chart(record: Record) -> str:
    """GMV sent and GMV in the store, the lag, and a mark for everything that went wrong."""
    samples = record.samples
    span_s = max([record.duration_s, *(one.at_s for one in samples)])
    money = _Panel(84, 264, _round_up(max([1, *(one.sent_minor for one in samples)])), span_s)
    lag = _Panel(300, 372, _round_up(max([1, *(one.lag for one in samples)])), span_s)
    currency = record.proof.currency
    title = (
        f"{record.events:,} events, {record.purchases:,} paid orders, {len(record.plan)} faults: "
        f"difference {record.proof.gmv_minor[0] - record.proof.gmv_minor[1]}"
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f'<rect class="ground" width="{_WIDTH}" height="{_HEIGHT}" rx="6"/>',
        _text(20, 32, title, "title"),
        _text(20, 52, _subtitle(record), "dim"),
        *_marks(record, money.x),
        *money.grid(lambda minor: _short(minor / 100)),
        f'<polyline class="truth" points="{money.path(samples, lambda one: one.sent_minor)}"/>',
        f'<polyline class="store" points="{money.path(samples, lambda one: one.stored_minor)}"/>',
        *_legend(currency),
        _text(_LEFT, 292, "records sent and not yet in a checkpoint", "dim"),
        *lag.grid(_short),
        f'<polygon class="lag" points="{lag.area(samples, lambda one: one.lag)}"/>',
        *_axis(span_s, money.x),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _subtitle(record: Record) -> str:
    recovery = record.recovery_s()
    advanced = (
        f" · figures advance again {recovery[0]:.1f} s after a kill, other faults included (median)"
        if recovery
        else ""
    )
    return (
        f"liveshop chaos --workers {record.workers} --kills {record.kills} --seed {record.seed}"
        f"{advanced}"
    )


def _legend(currency: str) -> Iterator[str]:
    yield f'<polyline class="truth" points="{_LEFT + 12},98 {_LEFT + 40},98"/>'
    yield _text(_LEFT + 48, 102, f"GMV sent, {currency}", "")
    yield f'<polyline class="store" points="{_LEFT + 12},118 {_LEFT + 40},118"/>'
    yield _text(_LEFT + 48, 122, "GMV in ClickHouse", "")


def _marks(record: Record, x: Callable[[float], float]) -> Iterator[str]:
    """A line through the panels, and a dot in the lane of its kind."""
    lanes = {kind: 404 + 18 * number for number, (kind, _) in enumerate(_LANES)}
    for kind, words in _LANES:
        y = lanes[kind]
        yield f'<line class="grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{y}" y2="{y}"/>'
        yield _text(_LEFT - 12, y + 4, words, "dim end")
    for one in record.happenings:
        if one.fault is not None:
            place, y = x(one.at_s), lanes[one.fault]
            yield f'<line class="mark" x1="{place:.1f}" x2="{place:.1f}" y1="84" y2="{y}"/>'
            yield (
                f'<circle class="dot" cx="{place:.1f}" cy="{y}" r="4">'
                f"<title>{escape(f'{one.at_s:.1f} s: {one.who} {one.what}')}</title></circle>"
            )


def _axis(span_s: float, x: Callable[[float], float]) -> Iterator[str]:
    step_s = 30 if span_s > 100 else 10
    for at_s in range(0, int(span_s) + 1, step_s):
        yield _text(x(at_s), 546, f"{at_s} s", "dim middle")


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _short(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.3g}"


def _round_up(value: float) -> float:
    """The next number that is easy to divide by four."""
    size = 1.0
    while size * 10 <= value:
        size *= 10
    return next(
        size * step for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if size * step >= value
    )
