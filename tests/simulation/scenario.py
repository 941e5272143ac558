"""Hypothesis strategies: logs, and a schedule of everything that can happen to their workers.

Everything is made of small drawn numbers, so that scenarios are quick to make and shrink well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from faust.types import TP
from hypothesis import strategies as st

from schemas import topics
from schemas.events import Event
from schemas.topics import Topic
from streams.windows import WindowPolicy
from tests.properties.strategies import (
    MOSTLY_MONEY,
    START_MS,
    Log,
    Numbers,
    Record,
    encode,
    garbage,
    make_event,
    pick,
    sent_again,
    with_other_content,
)

#: Workers of a simulation at most.
WORKERS: Final = 3
MAX_RECORDS: Final = 24
MAX_ACTIONS: Final = 120

#: So tiny that windows close, generations of ids rotate and the ledger is asked all the time.
POLICIES: Final = st.builds(
    WindowPolicy,
    window_ms=st.just(1_000),
    allowed_lateness_ms=st.sampled_from((2_000, 0)),
    max_ahead_ms=st.just(20_000),
    dedup_ids=st.sampled_from((1, 2, 3)),
    late_per_slice=st.sampled_from((2, 1)),
)


@dataclass(frozen=True)
class Action:
    """One thing that happens.

    Attributes:
        what: name of a method of :class:`tests.simulation.world.World`.
        who: the worker it happens to, where it happens to one.
        how: a number from which the method takes the rest.
    """

    what: str
    who: int
    how: int


@dataclass(frozen=True, repr=False)
class Scenario:
    """A whole life of a group of workers.

    Attributes:
        policy: the window policy.
        logs: one log per partition.
        first: offset of the first record that retention has left of each log.
        workers: how many work from the beginning.
        actions: what happens until all is mended and the logs are consumed to their ends.
        restarted: workers that are killed before that.
        frozen: workers that are frozen before that, and thaw when everything is over.
    """

    policy: WindowPolicy
    logs: tuple[Log, ...]
    first: tuple[int, ...]
    workers: int
    actions: tuple[Action, ...]
    restarted: frozenset[int]
    frozen: frozenset[int]

    def __repr__(self) -> str:
        logs = "; ".join(
            f"{log.topic.name}/{log.partition} from {first}: "
            + ", ".join(f"{record.offset}={record.value!r}" for record in log.records)
            for log, first in zip(self.logs, self.first, strict=True)
        )
        actions = ", ".join(f"{one.what}({one.who}, {one.how})" for one in self.actions)
        return (
            f"{self.workers} workers, {self.policy}, logs [{logs}], actions [{actions}], "
            f"restarted {sorted(self.restarted)}, frozen {sorted(self.frozen)}"
        )

    @property
    def partitions(self) -> dict[TP, Log]:
        """The log of each partition."""
        return {TP(log.topic.name, log.partition): log for log in self.logs}


# --- logs -------------------------------------------------------------------------------------

_RECORD: Final = st.tuples(st.integers(0, 17), st.integers(0, 11), st.integers(0, 63))
#: Left alone, Hypothesis prefers short lists.
_RECORDS: Final = st.sampled_from((0, 8, 16)).flatmap(
    lambda least: st.lists(_RECORD, min_size=least, max_size=MAX_RECORDS)
)
_DELTAS_MS: Final = (400, 0, 1_000, 2_500)
_LATE_MS: Final = (1_000, 3_000, 60_000)


def _record(
    topic: Topic, name: str, now_ms: int, drawn: tuple[int, int, int], sound: list[Event]
) -> bytes | None:
    """The value of a record: a new event, or something that went wrong with an older one."""
    what, near, shape = drawn
    numbers = Numbers(
        kind=(0, 0, 1, 2, 3, 4)[shape % 6],
        room=shape // 6 % 2,
        user=shape // 12,
        thing=shape // 3 % 2,
        amount=shape // 2 % 4,
    )
    shift_ms = 0
    if what in (13, 14):
        shift_ms = -pick(_LATE_MS, near)
    elif what == 15:
        shift_ms = 20_001
    event = make_event(topic, name, now_ms + shift_ms, numbers)
    if sound and what in (8, 9, 10, 11):
        original = sound[-1 - near % len(sound)]
        if what == 10 and topic is topics.PURCHASES:
            return encode(sent_again(original, name, now_ms))
        if what == 11:
            return encode(with_other_content(original, shape))
        return encode(original)
    if what == 12:
        return garbage(topic, event, near)
    if what != 15:
        sound.append(event)
    return encode(event)


@st.composite
def _logs(draw: st.DrawFn, partition: int, policy: WindowPolicy) -> tuple[Log, int]:
    topic = draw(st.sampled_from(MOSTLY_MONEY))
    first = draw(st.sampled_from((0, 0, 0, 3)))
    now_ms, offset = START_MS, first
    records: list[Record] = []
    sound: list[Event] = []
    for index, drawn in enumerate(draw(_RECORDS)):
        what, near, _ = drawn
        now_ms += pick(_DELTAS_MS, near)
        offset += 2 if what >= 16 else 0  # a hole, as compaction leaves it
        # The same order in two partitions is two orders: decision 4.
        value = _record(topic, f"{partition}.{index}", now_ms, drawn, sound)
        records.append(Record(offset, now_ms, value))
        offset += 1
    return Log(topic, partition, policy, tuple(records)), first


# --- schedules --------------------------------------------------------------------------------

#: How often each thing happens, relative to the others.
_WHAT: Final = tuple(
    what
    for what, often in {
        "fetch": 8,
        "flush": 4,
        "work": 6,
        "run_on": 4,
        "stumble": 3,
        "meet": 2,
        "die": 1,
        "die_flushing": 4,
        "die_acknowledging": 1,
        "rebalance": 2,
        "take_over": 3,
        "tell": 2,
        "join": 2,
        "lose": 2,
        "away": 1,
        "land": 1,
        "cut_short": 2,
        "oversleep": 2,
    }.items()
    for _ in range(often)
)
_ACTION: Final = st.tuples(
    st.integers(0, len(_WHAT) - 1), st.integers(0, WORKERS - 1), st.integers(0, 11)
)
_ACTIONS: Final = st.sampled_from((0, 40, 80)).flatmap(
    lambda least: st.lists(_ACTION, min_size=least, max_size=MAX_ACTIONS)
)
_SOME_WORKERS: Final = st.frozensets(st.integers(0, WORKERS - 1))


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Logs with everything that can be wrong with them, and workers to whom anything happens."""
    policy = draw(POLICIES)
    logs = [draw(_logs(partition, policy)) for partition in range(draw(st.integers(1, 3)))]
    return Scenario(
        policy=policy,
        logs=tuple(log for log, _ in logs),
        first=tuple(first for _, first in logs),
        workers=draw(st.sampled_from((1, 2, 2, WORKERS))),
        actions=tuple(Action(_WHAT[what], who, how) for what, who, how in draw(_ACTIONS)),
        restarted=draw(_SOME_WORKERS),
        frozen=draw(_SOME_WORKERS),
    )
