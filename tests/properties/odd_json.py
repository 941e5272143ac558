"""Strategies for events written as JSON in every odd way that parsers are known to differ on."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import msgspec
from hypothesis import strategies as st

from schemas.events import Event
from schemas.topics import EVENT_TOPICS, TOPIC_OF_TYPE, Topic
from tests.properties.strategies import START_MS, Numbers, make_event

_NUMBERS: Final = (
    *(b"1", b"0", b"-0", b"-1", b"01", b"+1", b"1.0", b"1.", b".5", b"1.5", b"1e0", b"1E+3"),
    *(b"1e-3", b"1e400", b"-1e400", b"NaN", b"Infinity", b"-Infinity", b"0x10", b"1_000"),
    *(b"9223372036854775807", b"9223372036854775808", b"18446744073709551615"),
    *(b"18446744073709551616", b"18446744073709551617", b"1" + b"0" * 400),
    *(b"1.0000000000000000000001", b"1732273200000.0", b"1732273200001", b"10000000000001"),
)
_TEXTS: Final = (
    *(b'""', b'"1"', b'"EUR"', b'"XXX"', b'"EUR\\n"', b'"none"', b'"none "', b"'x'", b'"x'),
    *(rb'"\u0000"', rb'"\ud800"', rb'"\udc00"', rb'"\ud83d\ude00"', rb'"\ude00\ud83d"'),
    *(rb'"\ud83d\u0041"', rb'"\uD83D\uDE00"', rb'"\/"', rb'"\x41"', rb'"\u00e9"', rb'"\u12"'),
    *(b'"\x00"', b'"\x1f"', b'"\t"', b'"\x7f"', b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"'),
    *(b'"\xf4\x90\x80\x80"', b'"' + "😀".encode() * 64 + b'"', b'"' + "é".encode() * 65 + b'"'),
    *(b'"' + tag.encode() + b'"' for tag in sorted(TOPIC_OF_TYPE)),
    *(b'"order\\u005fpaid"', b'"likes\\u005fsent"', b'"no_such_type"'),
)
_OTHERS: Final = (
    *(b"null", b"true", b"false", b"[]", b"{}", b"", b"nul", b"[1,]", b'{"a":1,}', b"[{}]"),
    *(b"[" * 1_500 + b"]" * 1_500, b'{"a":' * 1_500 + b"1" + b"}" * 1_500, b"[" * 50_000),
)
ODD_VALUES: Final = _NUMBERS + _TEXTS + _OTHERS
_SPACES: Final = (b"", b" ", b"\n", b"\t\r\n ")
_NO_SPACES: Final = (b"\x0c", b"\xc2\xa0", b"/**/", b"\x00", b",")
_ENDS: Final = (b"\x00", b"x", b"{}", b"\xff", b",", b"\xef\xbb\xbf", b"]")
_STARTS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"[", b"\x00", b"{")

#: One in ten, and never in the plainest example.
_SELDOM: Final = st.integers(0, 9).map(lambda number: number == 7)

_Pairs = list[tuple[bytes, bytes]]


def _escaped(text: bytes) -> bytes:
    """A JSON string with its letters written as escapes; one that has escapes stays as it is."""
    if b"\\" in text:
        return text
    return re.sub(rb"[A-Za-z_]", lambda letter: b"\\u%04x" % ord(letter[0]), text)


@st.composite
def _object(draw: st.DrawFn, content: dict[str, Any]) -> bytes:
    """One JSON object, with a few odd things done to it."""
    pairs: _Pairs = []
    for name, value in content.items():
        if isinstance(value, list):
            raw = b"[" + b",".join(draw(_object(line)) for line in value) + b"]"
        else:
            raw = json.dumps(value, ensure_ascii=False).encode()
        pairs.append((b'"%s"' % name.encode(), raw))
    for action in draw(st.lists(st.integers(0, 8), max_size=2)):
        at = draw(st.integers(0, len(pairs) - 1))
        name_raw, raw = pairs[at]
        odd = draw(st.sampled_from(ODD_VALUES)) if action in {0, 1, 2, 3} else raw
        if action == 0:
            pairs[at] = (name_raw, odd)
        elif action == 1:  # the same key once more, before or after
            pairs.insert(draw(st.integers(0, len(pairs))), (name_raw, odd))
        elif action == 2:
            pairs.insert(draw(st.integers(0, len(pairs))), (b'"unknown"', odd))
        elif action == 3 and odd.startswith(b'"'):  # an odd key
            pairs.insert(at, (odd, raw))
        elif action == 4:
            pairs = draw(st.permutations(pairs))
        elif action == 5:
            pairs[at] = (_escaped(name_raw), raw)
        elif action == 6 and raw.startswith(b'"'):
            pairs[at] = (name_raw, _escaped(raw))
        elif action == 7:
            pairs.append((_escaped(name_raw), raw))
        elif len(pairs) > 1:
            del pairs[at]
    a, b, c, d = (draw(st.sampled_from(_SPACES)) for _ in range(4))
    if draw(_SELDOM):
        c = draw(st.sampled_from(_NO_SPACES))
    return a + b"{" + (b"," + b).join(n + c + b":" + d + v for n, v in pairs) + b"}" + b


@st.composite
def plain_events(draw: st.DrawFn, topic: Topic) -> Event:
    """A valid event of a topic."""
    numbers = Numbers(*(draw(st.integers(0, 8)) for _ in range(5)))
    return make_event(topic, "1", START_MS, numbers)


@st.composite
def odd_records(draw: st.DrawFn) -> tuple[Topic, bytes]:
    """A topic, and bytes that are nearly an event of it."""
    topic = draw(st.sampled_from(EVENT_TOPICS))
    content = msgspec.to_builtins(draw(plain_events(topic)))
    value = draw(_object(content)) + draw(st.sampled_from(_SPACES))
    if draw(_SELDOM):
        value += draw(st.sampled_from(_ENDS))
    if draw(_SELDOM):
        at, length = draw(st.integers(0, len(value))), draw(st.integers(0, 3))
        value = value[:at] + draw(st.binary(max_size=3)) + value[at + length :]
    if draw(_SELDOM):
        value = draw(st.sampled_from(_STARTS)) + value
    return topic, value
