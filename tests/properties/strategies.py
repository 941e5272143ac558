"""Hypothesis strategies: what a partition of a live show may look like at its worst.

A log is built from small drawn numbers, so that examples are quick to make and shrink to short,
plain logs: a failing example is a handful of records in one room.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeVar

import msgspec
from hypothesis import strategies as st

from schemas import events as e
from schemas import topics
from schemas.events import Event
from schemas.topics import EVENT_TOPICS, Topic
from streams.batch import Batch
from streams.windows import WindowPolicy

T = TypeVar("T")

#: Event time of the first moment of every generated show: 11:00:00 UTC, the start of a minute.
START_MS: Final = 1_732_273_200_000

ROOMS: Final = ("room-a", "room-b", "r/ö\u2028")
USERS: Final = ("ann", "bob", "cho", "用户")
KOLS: Final = ("kol-1", "kol-2")
PRODUCTS: Final = ("coat", "scarf", "tote")
CURRENCIES: Final = ("EUR", "JPY", "BHD")
ATTRIBUTIONS: Final[tuple[e.Attribution, ...]] = ("in_room", "click_7d")
AMOUNTS: Final = (1, 999, 129_900, 10**12)
#: The topics to draw from: purchases are the ones that must never be wrong.
MOSTLY_MONEY: Final = (topics.PURCHASES, *EVENT_TOPICS, topics.PURCHASES)
LONG_AGO_MS: Final = 5 * 3_600_000


class _Room(msgspec.Struct):
    room_id: str


@dataclass(frozen=True)
class Record:
    """One record of a partition."""

    offset: int
    appended_ms: int
    value: bytes | None

    @cached_property
    def key(self) -> bytes:
        """A key that tells the record apart: a shard of its room, where it has one."""
        try:
            room = msgspec.json.decode(self.value or b"", type=_Room).room_id
        except (msgspec.MsgspecError, UnicodeDecodeError):
            room = "key"
        return b"%s#%d" % (room.encode(), self.offset)


@dataclass(frozen=True)
class Log:
    """One partition of a topic, and the policy it is folded under."""

    topic: Topic
    partition: int
    policy: WindowPolicy
    records: tuple[Record, ...]

    @property
    def end(self) -> int:
        """The position after the last record."""
        return self.records[-1].offset + 1 if self.records else 0

    def batch(self, start: int, next_offset: int) -> Batch:
        """The records between two positions."""
        records = [record for record in self.records if start <= record.offset < next_offset]
        return Batch(
            topic=self.topic.name,
            partition=self.partition,
            start=start,
            next_offset=next_offset,
            offsets=[record.offset for record in records],
            appended_ms=[record.appended_ms for record in records],
            values=[record.value for record in records],
            keys=[record.key for record in records],
        )


@dataclass(frozen=True)
class Numbers:
    """The drawn numbers of one event; each picks from a tuple of possibilities."""

    kind: int = 0
    room: int = 0
    user: int = 0
    thing: int = 0
    amount: int = 0


def pick(choices: tuple[T, ...], number: int) -> T:
    """One of the choices, whatever the number."""
    return choices[number % len(choices)]


# --- events -----------------------------------------------------------------------------------


def make_event(topic: Topic, name: str, occurred_at_ms: int, numbers: Numbers) -> Event:
    """A valid event of a topic, made of drawn numbers.

    Args:
        topic: the topic that carries it.
        name: what tells it apart: its event id, order id and refund id are derived from it.
        occurred_at_ms: event time.
        numbers: the rest.
    """
    cls = pick(topic.event_types, numbers.kind)
    amount, more = pick(AMOUNTS, numbers.amount), numbers.amount + numbers.thing
    values: dict[str, Any] = {
        "v": 1,
        "event_id": f"event-{name}",
        "room_id": pick(ROOMS, numbers.room),
        "occurred_at_ms": occurred_at_ms,
        "user_id": pick(USERS, numbers.user),
        "kol_id": pick(KOLS, numbers.thing),
        "product_id": pick(PRODUCTS, numbers.thing),
        "coupon_id": f"coupon-{numbers.thing}",
        "brand": "Printemps",
        "title": "coats & scarves",
        "text": pick(("好看 😍", "size?", ""), numbers.thing),
        "source": pick(e.SOURCES, numbers.thing),
        "mode": pick(("live", "replay"), numbers.amount),
        "watch_ms": 1_234 * numbers.amount,
        "quantity": 1 + numbers.amount,
        "count": 1 + numbers.amount,
        "currency": pick(CURRENCIES, numbers.room + numbers.thing),
        "promo": pick(e.PROMOS, more),
        "attribution": pick(ATTRIBUTIONS, more),
        "price_minor": amount,
        "order_id": f"order-{name}",
        "refund_id": f"refund-{name}",
        "discount_minor": 10 * numbers.amount,
    }
    if cls is e.OrderPaid:
        paid = [
            e.OrderLine(
                product_id=pick(PRODUCTS, numbers.thing + i // 2),
                sku_id=f"sku-{i}",
                quantity=1 + i,
                paid_minor=amount + i,
            )
            for i in range(1 + more % 3)
        ]
        values |= {"lines": paid, "paid_minor": sum(line.paid_minor for line in paid)}
    elif cls is e.OrderRefunded:
        back = [
            e.RefundLine(
                product_id=pick(PRODUCTS, numbers.thing + i // 2),
                sku_id=f"sku-{i}",
                quantity=i,
                amount_minor=amount + i,
            )
            for i in range(1 + more % 3)
        ]
        values |= {"lines": back, "amount_minor": sum(line.amount_minor for line in back)}
    else:
        values["amount_minor"] = amount
    return cls(**{field: values[field] for field in cls.__struct_fields__})


def encode(event: Event, numbers: Numbers | None = None) -> bytes:
    """The event as JSON; some producers are newer than we are, and send a field more."""
    value = msgspec.json.encode(event)
    if numbers is not None and numbers.user % 7 == 6:
        return value[:-1] + b',"device":{"os":"ios"}}'
    return value


def sent_again(event: Event, name: str, occurred_at_ms: int) -> Event:
    """The same order, cancellation or refund with another event id and time."""
    return msgspec.structs.replace(event, event_id=f"event-{name}", occurred_at_ms=occurred_at_ms)


def with_other_content(event: Event, number: int) -> Event:
    """Another event under the same ids: another room, person or amount."""
    if isinstance(event, e.PersonEvent) and number % 3 == 1:
        return msgspec.structs.replace(event, user_id="somebody-else")
    if isinstance(event, e.OrderCancelled) and number % 3 == 2:
        return msgspec.structs.replace(event, amount_minor=event.amount_minor + 1)
    if isinstance(event, e.OrderPaid) and number % 3 == 2:
        first, *rest = event.lines
        dearer = msgspec.structs.replace(first, paid_minor=first.paid_minor + 1)
        return msgspec.structs.replace(
            event, paid_minor=event.paid_minor + 1, lines=[dearer, *rest]
        )
    return msgspec.structs.replace(event, room_id="room-of-another")


def garbage(topic: Topic, event: Event, number: int) -> bytes | None:
    """A record that cannot be folded, one per reason."""
    good = msgspec.json.encode(event)
    other = topics.LIKES if topic is topics.CHAT else topics.CHAT
    return pick(
        (
            b"{",
            None,
            b"",
            b"\xff\xfe\x00",
            b"[]",
            good[:-1],
            good + b"x",
            good.replace(b'"v":1', b'"v":2'),
            good.replace(b'"v":1', b'"v":null'),
            good.replace(b'"room_id":"', b'"room_id":"' + b"x" * 65),
            good.replace(b'"type":"', b'"type":"no_'),
            good.replace(b'"EUR"', b'"XXX"').replace(b'"JPY"', b'"XXX"').replace(b'"v":1,', b""),
            encode(make_event(other, "stray", event.occurred_at_ms, Numbers())),
        ),
        number,
    )


# --- logs -------------------------------------------------------------------------------------

#: The drawn numbers of a record: (action, back, delta, shift, hole, kind, room, user, thing,
#: amount).
_STEPS = st.tuples(
    st.integers(0, 11),
    st.integers(0, 12),
    st.integers(0, 6),
    st.integers(0, 9),
    st.integers(0, 5),
    st.integers(0, 8),
    st.integers(0, 2),
    st.integers(0, 6),
    st.integers(0, 5),
    st.integers(0, 5),
)
#: Mostly round, so that records often fall on the edges of windows.
_DELTAS_MS: Final = (0, 1_000, 400, 10_000, 3_100, 30_000, 125_000)

POLICIES: Final = st.builds(
    WindowPolicy,
    window_ms=st.sampled_from((10_000, 1_000, 60_000)),
    allowed_lateness_ms=st.sampled_from((30_000, 0, 5_000)),
    max_ahead_ms=st.sampled_from((300_000, 0, 20_000)),
    dedup_ids=st.sampled_from((1_000, 1, 2, 3, 5)),
    late_per_slice=st.sampled_from((2_000, 1, 2, 5)),
)


@st.composite
def logs(
    draw: st.DrawFn,
    which: tuple[Topic, ...] = MOSTLY_MONEY,
    policies: st.SearchStrategy[WindowPolicy] = POLICIES,
    max_records: int = 40,
) -> Log:
    """A log with everything that can go wrong in it.

    Duplicates near and far, disorder, very late and far-ahead records, garbage, other content
    under the same id, orders sent again with other times, and holes between offsets.
    """
    topic = draw(st.sampled_from(which))
    policy = draw(policies)
    # Left alone, Hypothesis prefers lists of about five.
    at_least = draw(st.sampled_from((0, max_records // 3, max_records // 2)))
    steps = draw(st.lists(_STEPS, min_size=at_least, max_size=max_records))
    records: list[Record] = []
    originals: list[tuple[int, bytes]] = []
    sound: list[Event] = []
    now_ms, offset = START_MS, 0
    for index, (action, back, delta, shift, hole, *numbers) in enumerate(steps):
        now_ms += pick(_DELTAS_MS, delta)
        offset += (0, 0, 0, 0, 1, 7)[hole]
        shifts = (0, 0, -10_000, -1, -4_000, -30_000, -100_000, -LONG_AGO_MS)
        ahead = (policy.max_ahead_ms, policy.max_ahead_ms + 1)
        shift_ms = pick((*shifts, *ahead), shift)
        drawn = Numbers(*numbers)
        event = make_event(topic, str(index), now_ms + shift_ms, drawn)
        value: bytes | None = encode(event, drawn)
        if action == 8 and originals:  # an exact copy, near or far
            value = originals[-1 - back % len(originals)][1]
        elif action == 9 and sound:
            # An order sent again with a new time is recognised however old it is.
            if topic is topics.PURCHASES:
                original = sound[-1 - back % len(sound)]
                value = encode(sent_again(original, str(index), now_ms), drawn)
        elif action == 10 and sound:
            value = encode(with_other_content(sound[-1 - back % len(sound)], delta))
        elif action == 11:
            value = garbage(topic, event, back)
        else:
            assert value is not None
            originals.append((len(records), value))
            if shift_ms <= policy.max_ahead_ms:
                sound.append(event)
        records.append(Record(offset, now_ms, value))
        offset += 1
    return Log(topic, draw(st.integers(0, 2)), policy, tuple(records))


#: Policies under which a generated log is never longer than the dedup memory.
ROOMY: Final = st.builds(
    WindowPolicy,
    window_ms=st.sampled_from((10_000, 1_000, 60_000)),
    allowed_lateness_ms=st.sampled_from((30_000, 0, 5_000)),
    max_ahead_ms=st.just(300_000),
    dedup_ids=st.just(1_000),
)


@st.composite
def sound_events(
    draw: st.DrawFn,
    which: tuple[Topic, ...] = EVENT_TOPICS,
    policies: st.SearchStrategy[WindowPolicy] = ROOMY,
) -> Log:
    """A log of distinct, readable events in order of event time."""
    topic = draw(st.sampled_from(which))
    policy = draw(policies)
    steps = draw(st.lists(_STEPS, max_size=30))
    records: list[Record] = []
    now_ms = START_MS
    for index, (_, _, delta, _, _, *numbers) in enumerate(steps):
        now_ms += pick(_DELTAS_MS, delta)
        event = make_event(topic, str(index), now_ms, Numbers(*numbers))
        records.append(Record(index, now_ms, encode(event)))
    return Log(topic, 0, policy, tuple(records))


def renumbered(log: Log, values: list[tuple[int, bytes | None]]) -> Log:
    """A log of the same topic with other ``(broker timestamp, value)`` records."""
    records = tuple(Record(i, appended, value) for i, (appended, value) in enumerate(values))
    return Log(log.topic, log.partition, log.policy, records)


# --- plans ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """How the next batch is cut out of the log.

    Attributes:
        size: records that are new in it.
        again: records that were folded before and are delivered once more.
        wide: whether the batch reaches up to the next record, over a hole, or ends at its last.
        take: whether what changed is taken after it.
    """

    size: int
    again: int
    wide: bool
    take: bool


PLANS: Final = st.lists(
    st.builds(
        Step,
        size=st.integers(0, 9),
        again=st.sampled_from((0, 0, 0, 1, 3)),
        wide=st.booleans(),
        take=st.booleans(),
    ),
    max_size=12,
)
