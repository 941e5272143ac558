"""Charts of the report card: bars that can be compared, and memory over time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.result import Case, Result
from liveshop.svg import LEFT, RIGHT, Panel, picture, short, text

_TOP: Final = 76
_ROW: Final = 22
_GAP: Final = 12
#: Width of a letter, generously: bars begin behind the longest name.
_LETTER: Final = 7.2
_MEMORY: Final = (84, 284)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        name: in front of it.
        value: its length.
        words: behind it; the value by default.
        ours: whether it is Liveshop's, or what Liveshop is held to.
    """

    name: str
    value: float
    words: str = ""
    ours: bool = True


def bars(title: str, subtitle: str, groups: Sequence[Sequence[Bar]], *, log: bool = False) -> str:
    """Horizontal bars from 0 (or, with ``log``, from a tenth of the shortest), in groups."""
    found = [bar for group in groups for bar in group if bar.value > 0]
    most = max((bar.value for bar in found), default=1.0)
    least = min((bar.value for bar in found), default=1.0) / 10 if log else 0.0
    height = _TOP + sum(len(group) * _ROW + _GAP for group in groups) + 8
    parts = [text(20, 32, title, "title"), text(20, 52, subtitle, "dim")]
    begin = 30 + _LETTER * max(len(bar.name) for group in groups for bar in group)
    parts += _bars(groups, begin, least, most, log=log)
    return picture(height, title, parts)


def _bars(
    groups: Sequence[Sequence[Bar]], begin: float, least: float, most: float, *, log: bool
) -> Iterator[str]:
    room = RIGHT - 130 - begin
    y = float(_TOP)
    for group in groups:
        for bar in group:
            if bar.value <= 0:
                share = 0.0
            elif log:
                share = math.log(bar.value / least) / math.log(most / least)
            else:
                share = bar.value / most
            kind = "bar" if bar.ours else "pale"
            yield text(begin - 10, y + 14, bar.name, "end")
            yield (
                f'<rect class="{kind}" x="{begin:.1f}" y="{y + 3:.1f}" '
                f'width="{max(1.0, share * room):.1f}" height="{_ROW - 6}" rx="2"/>'
            )
            words = bar.words or short(bar.value)
            yield text(begin + share * room + 8, y + 14, words, "dim")
            y += _ROW
        y += _GAP


def memory_over_time(title: str, subtitle: str, case: Case) -> str:
    """A worker's resident memory from a case's series ``at_s`` and ``rss_mb``."""
    points = list(zip(case.series["at_s"], case.series["rss_mb"], strict=True))
    span_s = max(1.0, *(at_s for at_s, _ in points))
    panel = Panel.holding(*_MEMORY, (mb for _, mb in points), span_s)
    parts = [
        text(20, 32, title, "title"),
        text(20, 52, subtitle, "dim"),
        text(LEFT, _MEMORY[0] - 8, "resident memory, MB", "dim"),
        *panel.grid(short),
        panel.line("store", points),
        *panel.axis(_MEMORY[1] + 22),
    ]
    return picture(_MEMORY[1] + 40, title, parts)


def draw(results: Mapping[str, Result]) -> dict[str, str]:
    """The charts that can be drawn from what was measured: file name → SVG."""
    drawn: dict[str, str] = {}
    for name, drawing in _CHARTS.items():
        if name in results:
            drawn |= drawing(results[name].cases)
    return drawn


def _hot_path(cases: Mapping[str, Case]) -> dict[str, str]:
    groups = [
        [
            Bar(name, _figure(case, "events_per_s")),
            Bar("orjson.loads alone", _figure(case, "orjson_events_per_s"), ours=False),
            Bar("ClickHouse engine", _figure(case, "clickhouse_events_per_s"), ours=False),
        ]
        for name, case in cases.items()
    ]
    return {"hot-path.svg": bars("Hot path", "events per second on one core", groups)}


def _end_to_end(cases: Mapping[str, Case]) -> dict[str, str]:
    ours = [Bar(f"one worker, {way}", _figure(case, "events_per_s")) for way, case in cases.items()]
    case = next(iter(cases.values()))
    theirs = [
        Bar("bare drain, aiokafka", _figure(case, "bare_drain_events_per_s"), ours=False),
        Bar("bare drain, librdkafka", _figure(case, "librdkafka_events_per_s"), ours=False),
    ]
    return {
        "end-to-end.svg": bars("End to end", "events per second, Kafka to rows", [ours, theirs])
    }


def _latency(cases: Mapping[str, Case]) -> dict[str, str]:
    groups = [
        [
            Bar(f"{name}, {percentile}", value, f"{value:,.0f} ms")
            for percentile in ("p50", "p99", "p99.9", "max")
            for value in [_figure(case, f"{percentile.replace('.', '_')}_ms")]
        ]
        for name, case in cases.items()
    ]
    subtitle = "ms from due to visible; flush interval, share of the maximum rate, percentile"
    return {"latency.svg": bars("Latency", subtitle, groups)}


def _scaling(cases: Mapping[str, Case]) -> dict[str, str]:
    flat = {name: case for name, case in cases.items() if not case.series}
    rates = [Bar(name, _figure(case, "events_per_s")) for name, case in flat.items()]
    memory = [
        Bar(name, mb, f"{mb:,.0f} MB")
        for name, case in cases.items()
        for mb in [_figure(case, "peak_rss_mb")]
    ]
    drawn = {
        "scaling.svg": bars("Scaling", "events per second", [rates]),
        "memory.svg": bars("Memory", "peak resident memory of a worker", [memory]),
    }
    for name, case in cases.items():
        if case.series:
            drawn["hour.svg"] = memory_over_time(
                f"Memory over a show of {name}",
                f"{case.events:,} records at {_figure(case, 'events_per_s'):,.0f}/s",
                case,
            )
    return drawn


def _sink(cases: Mapping[str, Case]) -> dict[str, str]:
    found = [Bar(name, _figure(case, "rows_per_s")) for name, case in cases.items()]
    return {"sink.svg": bars("Sink", "rows per second", [found])}


def _generator(cases: Mapping[str, Case]) -> dict[str, str]:
    found = [Bar(name, _figure(case, "events_per_core_s")) for name, case in cases.items()]
    return {"generator.svg": bars("Generator", "events per second of one core's time", [found])}


def _peers(cases: Mapping[str, Case]) -> dict[str, str]:
    found = [
        Bar(name, _figure(case, "events_per_s"), ours=name == "liveshop")
        for name, case in cases.items()
    ]
    found.sort(key=lambda bar: -bar.value)
    subtitle = "events per second, one process each, logarithmic"
    return {"peers.svg": bars("The same job by others", subtitle, [found], log=True)}


_CHARTS: Final = {
    "hot-path": _hot_path,
    "end-to-end": _end_to_end,
    "latency": _latency,
    "scaling": _scaling,
    "sink": _sink,
    "generator": _generator,
    "peers": _peers,
}


def _figure(case: Case, name: str) -> float:
    """A median; 0 where the case has none."""
    spread = case.figures.get(name)
    return 0.0 if spread is None else spread.median
