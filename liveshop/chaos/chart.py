"""A chaos run as one SVG file that needs nothing else, legible on light and dark ground."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from typing import Final

from liveshop.chaos.plan import Kind
from liveshop.chaos.record import Record
from liveshop.svg import LEFT, RIGHT, Panel, picture, short, text

_HEIGHT: Final = 560
_LANES: Final = (
    (Kind.KILL_WORKER, "worker killed"),
    (Kind.FREEZE_WORKER, "worker frozen"),
    (Kind.RESTART_BROKER, "Kafka restarted"),
    (Kind.KILL_BROKER, "Kafka killed"),
    (Kind.KILL_STORE, "ClickHouse killed"),
    (Kind.ADD_WORKER, "worker added"),
    (Kind.STOP_WORKER, "worker stopped"),
)


def draw_chart(record: Record) -> str:
    """GMV sent and GMV in the store, the lag, and a mark for everything that went wrong."""
    samples = record.samples
    span_s = max([record.duration_s, *(one.at_s for one in samples)])
    sent = [(one.at_s, one.sent_minor) for one in samples]
    stored = [(one.at_s, one.stored_minor) for one in samples]
    waiting = [(one.at_s, one.lag) for one in samples]
    money = Panel.holding(84, 264, (minor for _, minor in sent), span_s)
    lag = Panel.holding(300, 372, (records for _, records in waiting), span_s)
    currency = record.proof.currency
    title = (
        f"{record.events:,} events, {record.purchases:,} paid orders, {len(record.plan)} faults: "
        f"difference {record.proof.gmv_minor[0] - record.proof.gmv_minor[1]}"
    )
    parts = [
        text(20, 32, title, "title"),
        text(20, 52, _subtitle(record), "dim"),
        *_marks(record, money.x),
        *money.grid(lambda minor: short(minor / 100)),
        money.line("truth", sent),
        money.line("store", stored),
        *_legend(currency),
        text(LEFT, 292, "records sent and not yet in a checkpoint", "dim"),
        *lag.grid(short),
        lag.area("lag", waiting),
        *lag.axis(546),
    ]
    return picture(_HEIGHT, title, parts)


def _subtitle(record: Record) -> str:
    recovery = record.undisturbed
    advanced = (
        f" · after a kill figures advance again in {recovery.median_s:.1f} s (median), "
        f"other faults' time apart"
        if recovery
        else ""
    )
    return (
        f"liveshop chaos --workers {record.workers} --kills {record.kills} --seed {record.seed}"
        f"{advanced}"
    )


def _legend(currency: str) -> Iterator[str]:
    yield f'<polyline class="truth" points="{LEFT + 12},98 {LEFT + 40},98"/>'
    yield text(LEFT + 48, 102, f"GMV sent, {currency}", "")
    yield f'<polyline class="store" points="{LEFT + 12},118 {LEFT + 40},118"/>'
    yield text(LEFT + 48, 122, "GMV in ClickHouse", "")


def _marks(record: Record, x: Callable[[float], float]) -> Iterator[str]:
    """A line through the panels, and a dot in the lane of its kind."""
    lanes = {kind: 404 + 18 * number for number, (kind, _) in enumerate(_LANES)}
    for kind, words in _LANES:
        y = lanes[kind]
        yield f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y}" y2="{y}"/>'
        yield text(LEFT - 12, y + 4, words, "dim end")
    for one in record.happenings:
        if one.fault is not None:
            place, y = x(one.at_s), lanes[one.fault]
            yield f'<line class="mark" x1="{place:.1f}" x2="{place:.1f}" y1="84" y2="{y}"/>'
            yield (
                f'<circle class="dot" cx="{place:.1f}" cy="{y}" r="4">'
                f"<title>{escape(f'{one.at_s:.1f} s: {one.who} {one.what}')}</title></circle>"
            )
