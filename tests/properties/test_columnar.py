"""The columnar folds do what the plain ones do: row for row, letter for letter, id for id."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import msgspec
import numpy as np
import pytest
import xxhash
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas import topics
from schemas.events import Event, PurchaseEvent
from schemas.topics import Topic
from streams.batch import PADDING, Batch
from streams.catalog import FOLDS, PLAIN_FOLDS
from streams.columnar.fold import NUMBER_FIELDS, TEXT_FIELDS, WORD_FIELDS
from streams.columnar.native import compiled, text_hash, xxh64
from streams.columnar.scan import (
    ID_HASH,
    KIND,
    LINE_AMOUNT,
    LINE_PRODUCT,
    LINE_QUANTITY,
    LINE_SKU,
    LINE_WIDTH,
    LINES,
    LINES_FROM,
    WIDTH,
    line_bound,
    scan,
)
from streams.columnar.words import NAMES, TOPICS, TYPES
from streams.decode import Decoder
from streams.dedup import event_hash
from streams.dedup import text_hash as text_hash_in_python
from streams.fold import Taken
from streams.windows import WindowPolicy
from tests.properties.model import ModelStore, Worker, read_state
from tests.properties.odd_json import ODD_VALUES, odd_records, plain_events
from tests.properties.strategies import (
    PLANS,
    START_MS,
    Log,
    Numbers,
    Step,
    logs,
    make_event,
)

DECODERS = {topic.name: Decoder(topic) for topic in TOPICS}
ALL_KINDS = -1
PURCHASES = topics.PURCHASES.event_types


def handed_over(taken: Taken) -> dict[str, Any]:
    """Everything in a take, where order means nothing without it."""
    checkpoint = taken.checkpoint
    return {
        "rows": {table: Counter(rows) for table, rows in taken.rows.items() if len(rows)},
        "types": {
            table: {tuple(type(value) for value in row) for row in rows}
            for table, rows in taken.rows.items()
        },
        "dead_letters": taken.dead_letters,
        "fresh_ids": [int(one) for one in checkpoint.fresh_ids],
        "counts": checkpoint.counts,
        "watermark_ms": checkpoint.watermark_ms,
        "offsets": (
            checkpoint.previous_offset,
            checkpoint.cells_since,
            checkpoint.next_offset,
        ),
        "state": read_state(checkpoint),
        "appended_ms": taken.appended_ms,
    }


class Recorded(ModelStore):
    """Keeps all that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.takes: list[dict[str, Any]] = []

    def checkpoint(self, taken: Taken) -> None:
        """Write a checkpoint."""
        self.takes.append(handed_over(taken))
        super().checkpoint(taken)


def run(log: Log, plan: list[Step], folds: Any, restart: int, turns: Any = None) -> list[Any]:
    """What a fold hands over; it is restored from its checkpoint before step ``restart``."""
    store = Recorded()
    worker = Worker(log, store, folds=folds)
    for number, step in enumerate(plan):
        if number == restart:
            worker.flush()
            if store.checkpoints:
                worker = Worker(log, store, max(store.checkpoints), turns or folds)
        worker.step(step)
        assert worker.fold.open_windows >= 0
    worker.finish()
    return [*store.takes, worker.fold.remembered, worker.fold.open_windows]


@settings(max_examples=300)
@given(log=logs(which=(*TOPICS, topics.PURCHASES)), plan=PLANS, restart=st.integers(0, 9))
def test_columnar_fold_hands_over_what_the_plain_one_does(
    log: Log, plan: list[Step], restart: int
) -> None:
    assert run(log, plan, FOLDS, restart) == run(log, plan, PLAIN_FOLDS, restart)


@given(log=logs(which=(*TOPICS, topics.PURCHASES)), plan=PLANS, restart=st.integers(0, 9))
def test_each_goes_on_from_the_checkpoint_of_the_other(
    log: Log, plan: list[Step], restart: int
) -> None:
    expected = run(log, plan, PLAIN_FOLDS, restart)
    assert run(log, plan, FOLDS, restart, PLAIN_FOLDS) == expected
    assert run(log, plan, PLAIN_FOLDS, restart, FOLDS) == expected


def scanned(value: bytes) -> dict[str, Any] | None:
    """The fields that the scanner found in one record; ``None`` where it finds it odd."""
    data = np.frombuffer(bytearray(b"before" + value + bytes(PADDING)), dtype=np.uint8)
    fields = np.full((1, WIDTH), -7, dtype=np.int64)
    lines = np.full((line_bound(len(value)), LINE_WIDTH), -7, dtype=np.int64)
    at, size = np.array([6]), np.array([len(value)])
    scan(data, at, size, np.int64(ALL_KINDS), fields, lines)
    (field,) = fields.tolist()
    if not field[KIND]:
        return None

    def text(place: int) -> str:
        return data[place >> 16 : (place >> 16) + (place & 0xFFFF)].tobytes().decode()

    cls = next(c for t in TOPICS for c in t.event_types if tag(c) == TYPES[field[KIND] - 1])
    found: dict[str, Any] = {"v": 1, "event_id": field[ID_HASH] & (2**64 - 1)}
    for name in cls.__struct_fields__:
        if name in TEXT_FIELDS:
            found[name] = text(field[TEXT_FIELDS[name]])
        elif name in NUMBER_FIELDS:
            found[name] = field[NUMBER_FIELDS[name]]
        elif name in WORD_FIELDS:
            found[name] = NAMES[field[WORD_FIELDS[name]]]
        elif name == "lines":
            amount = "paid_minor" if "paid_minor" in cls.__struct_fields__ else "amount_minor"
            found[name] = [
                {
                    "product_id": text(line[LINE_PRODUCT]),
                    "sku_id": text(line[LINE_SKU]),
                    "quantity": line[LINE_QUANTITY],
                    amount: line[LINE_AMOUNT],
                }
                for line in lines[field[LINES_FROM] : field[LINES_FROM] + field[LINES]].tolist()
            ]
    if cls in PURCHASES:
        found["event_id"] = 0
    return found | {"type": tag(cls)}


def tag(cls: type[Event]) -> str:
    """The ``type`` of an event class."""
    return str(cls.__struct_config__.tag)


def as_scanned(event: Event) -> dict[str, Any]:
    """An event as :func:`scanned` should find it: all but the text of a chat."""
    content: dict[str, Any] = msgspec.to_builtins(event)
    content.pop("text", None)
    if isinstance(event, PurchaseEvent):
        # Its event id says nothing; order and refund ids are compared below.
        return content | {"event_id": 0}
    return content | {"event_id": event_hash(event.event_id)}


def check_scan(topic: Topic, value: bytes) -> None:
    """The scanner is silent, or right."""
    found = scanned(value)
    if found is not None:
        carrier = next(t for t in TOPICS if any(tag(c) == found["type"] for c in t.event_types))
        strict = DECODERS[carrier.name].strict(value)
        assert isinstance(strict, Event), strict
        assert found == as_scanned(strict)
    elif topic in TOPICS:
        fold, plain = (
            FOLDS[topic.name](0, WindowPolicy()),
            PLAIN_FOLDS[topic.name](0, WindowPolicy()),
        )
        for one in (fold, plain):
            one.fold(Batch(topic.name, 0, 0, 1, [0], [START_MS + 10**12], [value], [None]))
        assert handed_over(fold.take()) == handed_over(plain.take())


@settings(max_examples=500)
@given(odd_records())
def test_scanner_is_silent_or_right(record: tuple[Topic, bytes]) -> None:
    check_scan(*record)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
@pytest.mark.parametrize("odd", ODD_VALUES, ids=lambda odd: repr(odd[:20]))
def test_scanner_is_silent_or_right_about_odd_values(topic: Topic, odd: bytes) -> None:
    for kind, _ in enumerate(topic.event_types):
        value = msgspec.json.encode(make_event(topic, "1", START_MS, Numbers(kind=kind)))
        fields = msgspec.json.decode(value, type=dict[str, msgspec.Raw])
        for name in fields:
            parts = [
                b'"%s":%s' % (key.encode(), odd if key == name else bytes(raw))
                for key, raw in fields.items()
            ]
            check_scan(topic, b"{%s}" % b",".join(parts))


@given(topic=st.sampled_from(TOPICS), data=st.data())
def test_a_good_record_is_scanned(topic: Topic, data: st.DataObject) -> None:
    event = data.draw(plain_events(topic))
    value = msgspec.json.encode(event)
    spaced = value.replace(b'":', b'": ').replace(b',"', b', "')
    assert scanned(value) == as_scanned(event)
    if b"text" not in value:
        assert scanned(spaced) == as_scanned(event)


@given(topic=st.sampled_from(TOPICS), data=st.data())
def test_a_word_with_zeros_behind_it_is_no_word(topic: Topic, data: st.DataObject) -> None:
    value = msgspec.json.encode(data.draw(plain_events(topic)))
    for word in set(re.findall(rb'"(\w+)"', value)):
        check_scan(
            topic, value.replace(b'"%s"' % word, b'"%s%s"' % (word, bytes(1 + len(word) % 9)))
        )


@given(topic=st.sampled_from(TOPICS), data=st.data())
def test_a_record_that_is_cut_or_has_a_byte_changed(topic: Topic, data: st.DataObject) -> None:
    value = msgspec.json.encode(data.draw(plain_events(topic)))
    at = data.draw(st.integers(0, len(value) - 1))
    byte = data.draw(st.sampled_from(b'"\\{}[],:0129aA \n\x00\x7f\x80\xc3\xff'))
    check_scan(topic, value[:at])
    check_scan(topic, value[:at] + bytes([byte]) + value[at + 1 :])
    check_scan(topic, value[:at] + bytes([byte]) + value[at:])


@compiled
def _hash(data: Any, size: Any) -> Any:
    return xxh64(data, 0, size)


@given(st.binary(max_size=300))
@example(b"")
@example(b"a" * 32)
def test_hash_is_xxhash(data: bytes) -> None:
    padded = np.frombuffer(bytearray(data + bytes(PADDING)), dtype=np.uint8)
    assert int(_hash(padded, len(data))) == xxhash.xxh64_intdigest(data)


@compiled
def _text_hash(data: Any, size: Any) -> Any:
    return text_hash(data, size)


@given(st.text(max_size=64))
@example("")
@example("a" * 8)
def test_both_hashes_of_a_text_are_the_same(text: str) -> None:
    raw = text.encode()
    padded = np.frombuffer(bytearray(raw + bytes(PADDING)), dtype=np.uint8)
    assert int(_text_hash(padded, len(raw))) == text_hash_in_python(text)
