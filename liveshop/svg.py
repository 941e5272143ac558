"""Charts over time as SVG files that need nothing else, legible on light and dark ground.

Panels stand below each other and share their time axis; each has a scale of its own, from 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 960
#: Where panels begin and end.
LEFT: Final = 140
RIGHT: Final = 936

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
.bar { fill: var(--store); } .pale { fill: var(--truth); opacity: .6; }
.away { fill: var(--fault); fill-opacity: .1; }
"""
_LETTERS: Final = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_EASY: Final = (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10)

#: Seconds and a value, in order of time.
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of the picture between two heights, for values from 0 to ``most``."""

    top: float
    bottom: float
    most: float
    span_s: float

    @classmethod
    def holding(cls, top: float, bottom: float, values: Iterable[float], span_s: float) -> Panel:
        """A panel whose scale ends at a round number above all values."""
        return cls(top, bottom, _round_up(max([1.0, *values])), span_s)

    def x(self, at_s: float) -> float:
        """Where a moment is."""
        return LEFT + (RIGHT - LEFT) * at_s / self.span_s

    def y(self, value: float) -> float:
        """Where a value is."""
        return self.bottom - (self.bottom - self.top) * min(value, self.most) / self.most

    def line(self, kind: str, points: Points) -> str:
        """A line through points; ``kind`` is its class in the style sheet."""
        return f'<polyline class="{kind}" points="{self._path(points)}"/>'

    def area(self, kind: str, points: Points) -> str:
        """What lies below a line through points."""
        last_s = points[-1][0] if points else 0.0
        corners = " ".join(f"{self.x(at_s):.1f},{self.bottom}" for at_s in (last_s, 0.0))
        return f'<polygon class="{kind}" points="{self._path(points)} {corners}"/>'

    def grid(self, words: Callable[[float], str]) -> Iterator[str]:
        """Four steps of the scale, named by ``words``."""
        for part in range(5):
            value = self.most * part / 4
            y = self.y(value)
            yield f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield text(LEFT - 8, y + 4, words(value), "dim end")

    def axis(self, y: float) -> Iterator[str]:
        """The time, at most some twenty times; in minutes where the picture spans many."""
        steps = (step for step in (10, 30, 60, 120, 300) if self.span_s <= 20 * step)
        step_s = next(steps, 3_600)
        for at_s in range(0, int(self.span_s) + 1, step_s):
            words = f"{at_s // 60} min" if step_s >= 60 else f"{at_s} s"
            yield text(self.x(at_s), y, words, "dim middle")

    def _path(self, points: Points) -> str:
        return " ".join(f"{self.x(at_s):.1f},{self.y(value):.1f}" for at_s, value in points)


def picture(height: float, title: str, parts: Iterable[str]) -> str:
    """The whole file."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style>",
            f'<rect class="ground" width="{WIDTH}" height="{height}" rx="6"/>',
            *parts,
            "</svg>\n",
        ]
    )


def text(x: float, y: float, words: str, kind: str) -> str:
    """Words at a place; they stay text, whatever stands in them."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def short(value: float) -> str:
    """Three digits and a letter for the size: ``1.25 M``."""
    for size, letter in _LETTERS:
        if value >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.3g}"


def _round_up(value: float) -> float:
    """The next number that is easy to divide by four."""
    size = 1.0
    while size * 10 <= value:
        size *= 10
    return next(size * step for step in _EASY if size * step >= value)
