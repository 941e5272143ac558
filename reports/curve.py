"""The show minute by minute: its span, the viewers online, the activity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reports.model import Minute
from schemas.store import Row

#: The curve ends here at the latest, so that one stray event cannot make it years long.
MAX_MINUTES: Final = 48 * 60

ACTIVITY: Final = (
    "views",
    "leaves",
    "watch_ms",
    "impressions",
    "clicks",
    "carts",
    "chats",
    "likes",
)


@dataclass(frozen=True)
class Span:
    """The minutes of the curve and the seconds on air, as epoch seconds.

    Attributes:
        first: start of the first minute.
        last: start of the last minute, which is part of the span.
        on_air: second at which the show began.
        off_air: second at which it ended, or until which it is known.
    """

    first: int
    last: int
    on_air: int
    off_air: int

    def minutes(self) -> range:
        """The start of every minute."""
        return range(self.first, self.last + 60, 60)


def show_span(started_ms: int | None, ended_ms: int | None, windows: Iterable[int]) -> Span | None:
    """The span of a show; what is not known is taken from the windows (epoch seconds) it has."""
    seen = sorted(windows)
    if started_ms is None and not seen:
        return None
    on_air = seen[0] if started_ms is None else started_ms // 1000
    if ended_ms is not None:
        off_air = max(on_air, -(-ended_ms // 1000))
    else:
        off_air = max(on_air, seen[-1] + 60 if seen else on_air)
    first = on_air // 60 * 60
    last = max(first, (off_air - 1) // 60 * 60)
    return Span(first, min(last, first + (MAX_MINUTES - 1) * 60), on_air, off_air)


def totals(rows: Iterable[Row], names: Sequence[str]) -> dict[str, int]:
    """The sum of each named column."""
    sums = dict.fromkeys(names, 0)
    for row in rows:
        for name in names:
            sums[name] += row[name]
    return sums


def online_steps(activity: Iterable[Row]) -> list[tuple[int, int]]:
    """(second, viewers online from then on): the running sum of live enters minus leaves."""
    changes: defaultdict[int, int] = defaultdict(int)
    for row in activity:
        if row["mode"] != "replay":
            changes[row["at"]] += row["views"] - row["leaves"]
    level = 0
    steps = []
    for at, change in sorted(changes.items()):
        level += change
        steps.append((at, level))
    return steps


def online_seconds(steps: Sequence[tuple[int, int]], span: Span) -> int:
    """Viewer-seconds while on air: the area under the steps."""
    area, level, since = 0, 0, span.on_air
    for at, next_level in steps:
        if at >= span.off_air:
            break
        if at > since:
            area += level * (at - since)
            since = at
        level = next_level
    return area + level * (span.off_air - since)


def minutes(span: Span, activity: Iterable[Row], steps: Sequence[tuple[int, int]]) -> list[Minute]:
    """Every minute of the span, empty ones included."""
    sums: defaultdict[int, dict[str, int]] = defaultdict(lambda: dict.fromkeys(ACTIVITY, 0))
    for row in activity:
        minute = sums[row["at"] // 60 * 60]
        for name in ACTIVITY:
            minute[name] += row[name]
    online = _online_by_minute(span, steps)
    return [_minute(at, sums[at], next(online)) for at in span.minutes()]


def _online_by_minute(span: Span, steps: Sequence[tuple[int, int]]) -> Iterator[int]:
    level, position = 0, 0
    for at in span.minutes():
        while position < len(steps) and steps[position][0] <= at:
            level = steps[position][1]
            position += 1
        peak = level
        while position < len(steps) and steps[position][0] < at + 60:
            level = steps[position][1]
            peak = max(peak, level)
            position += 1
        yield peak


def _minute(at: int, sums: Mapping[str, int], online: int) -> Minute:
    return Minute(
        minute_ms=at * 1000,
        online=online,
        views=sums["views"],
        leaves=sums["leaves"],
        impressions=sums["impressions"],
        clicks=sums["clicks"],
        carts=sums["carts"],
        chats=sums["chats"],
        likes=sums["likes"],
    )
