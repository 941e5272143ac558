"""The fast and the strict decoder agree, however oddly a record is written."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agents.metrics import DEAD_LETTER_REASONS
from schemas import topics
from schemas.events import Event
from schemas.topics import EVENT_TOPICS, Topic
from streams.decode import GIVES_UP, Decoder, Rejected
from tests.properties.odd_json import ODD_VALUES, odd_records, plain_events
from tests.properties.strategies import START_MS, Numbers, encode, garbage, make_event

DECODERS = {topic.name: Decoder(topic) for topic in EVENT_TOPICS}
LIKE = msgspec.json.encode(make_event(topics.LIKES, "1", START_MS, Numbers()))


def fast(decoder: Decoder, value: bytes) -> Sequence[Event | Rejected]:
    """What the fast decoder says of a record; nothing where it gives up."""
    try:
        return [decoder.fast(value)]
    except GIVES_UP:
        return []


@given(odd_records())
@example((topics.LIKES, LIKE.replace(b'"type":"likes_sent",', b"")))
@example((topics.LIKES, LIKE.replace(b'"likes_sent"', b'""')))
@example((topics.CHAT, LIKE))
def test_strict_decoder_agrees_with_whatever_the_fast_one_accepts(
    record: tuple[Topic, bytes],
) -> None:
    topic, value = record
    decoder = DECODERS[topic.name]
    strict = decoder.strict(value)
    assert list(fast(decoder, value)) in ([], [strict])
    assert decoder([value]) == [strict]
    if isinstance(strict, Rejected):
        assert strict.reason in DEAD_LETTER_REASONS
        assert strict.detail
    else:
        assert type(strict) in topic.event_types


@pytest.mark.parametrize("topic", EVENT_TOPICS, ids=lambda topic: topic.name)
@pytest.mark.parametrize("odd", ODD_VALUES, ids=lambda odd: repr(odd[:20]))
def test_decoders_agree_on_every_odd_value_in_every_field(topic: Topic, odd: bytes) -> None:
    decoder = DECODERS[topic.name]
    for kind, _ in enumerate(topic.event_types):
        event = make_event(topic, "1", START_MS, Numbers(kind=kind))
        fields = msgspec.json.decode(msgspec.json.encode(event), type=dict[str, msgspec.Raw])
        for name in fields:
            parts = [
                b'"%s":%s' % (key.encode(), odd if key == name else bytes(raw))
                for key, raw in fields.items()
            ]
            repeated = b'"%s":%s' % (name.encode(), odd)
            original = b'"%s":%s' % (name.encode(), bytes(fields[name]))
            for written in (
                parts,
                [*parts, original],
                [repeated, *parts],
                [original, *parts],
            ):
                value = b"{" + b",".join(written) + b"}"
                assert list(fast(decoder, value)) in ([], [decoder.strict(value)])


@given(data=st.data())
def test_a_record_is_read_the_same_whatever_it_is_batched_with(data: st.DataObject) -> None:
    topic = data.draw(st.sampled_from(EVENT_TOPICS))
    decoder = DECODERS[topic.name]
    values: list[bytes | None] = []
    for number in data.draw(st.lists(st.integers(0, 25), max_size=8)):
        event = data.draw(plain_events(topic))
        values.append(garbage(topic, event, number) if number < 13 else encode(event))
    cut = data.draw(st.integers(0, len(values)))
    one_by_one = [decoder([value])[0] for value in values]
    assert list(decoder(values)) == one_by_one
    assert [*decoder(values[:cut]), *decoder(values[cut:])] == one_by_one


@given(st.sampled_from(EVENT_TOPICS), st.none() | st.binary(max_size=60))
def test_no_bytes_make_a_decoder_raise(topic: Topic, value: bytes | None) -> None:
    (only,) = DECODERS[topic.name]([value])
    assert isinstance(only, Rejected | Event)


@given(data=st.data())
def test_a_good_record_is_read_without_the_strict_decoder(data: st.DataObject) -> None:
    topic = data.draw(st.sampled_from(EVENT_TOPICS))
    event = data.draw(plain_events(topic))
    assert DECODERS[topic.name].fast(msgspec.json.encode(event)) == event
