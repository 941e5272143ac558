"""Every word that the scanner knows, found by its bytes in two comparisons.

Field names, event types and the values of closed sets are at most 16 bytes long, so each is two
machine words, and a multiplication sends each to a slot of its own.
"""

from __future__ import annotations

from typing import Final, get_args

import numpy as np

from schemas import events
from schemas.events import PROMOS, SOURCES, Attribution, Mode
from schemas.topics import CHAT, LIKES, PURCHASES, TRAFFIC, Topic
from streams.columnar.native import compiled

#: Topics with a columnar fold; ``live.rooms`` carries too little to need one.
TOPICS: Final[tuple[Topic, ...]] = (TRAFFIC, CHAT, LIKES, PURCHASES)
_CLASSES: Final = [cls for topic in TOPICS for cls in topic.event_types]

#: The fields of events and of order lines; a field's place here is its bit in a set of fields.
FIELDS: Final[tuple[str, ...]] = (
    "type",
    *dict.fromkeys(
        name
        for cls in (*_CLASSES, events.OrderLine, events.RefundLine)
        for name in getattr(cls, "__struct_fields__", ())
    ),
)
#: The event types; a type's place here, plus one, is its kind.
TYPES: Final[tuple[str, ...]] = tuple(str(cls.__struct_config__.tag) for cls in _CLASSES)
#: Roles of people in a room.
ROLES: Final = ("viewer", "chatter", "liker", "clicker", "buyer")
#: Strings with a code of their own in every vocabulary; the empty one comes first.
NAMES: Final[tuple[str, ...]] = (
    "",
    *dict.fromkeys((*SOURCES, *get_args(Mode), *PROMOS, *get_args(Attribution), *ROLES)),
)

_FIRST_TYPE: Final = 64
_FIRST_NAME: Final = 128


def field_bit(name: str) -> int:
    """The bit of a field in a set of fields."""
    return 1 << FIELDS.index(name)


def kind_of(event_type: str) -> int:
    """The number of an event type."""
    return 1 + TYPES.index(event_type)


def name_code(name: str) -> int:
    """The code of a name in every vocabulary."""
    return NAMES.index(name)


def fields_of(struct: type) -> int:
    """The set of fields that a JSON object of this class has."""
    names = getattr(struct, "__struct_fields__", ())
    return sum(map(field_bit, ("type", *names) if issubclass(struct, events.Event) else names))


_CODES: Final = {
    **{name: i for i, name in enumerate(FIELDS)},
    **{name: _FIRST_TYPE + i for i, name in enumerate(TYPES)},
    **{name: _FIRST_NAME + i for i, name in enumerate(NAMES) if name},
}
if len(_CODES) != len(FIELDS) + len(TYPES) + len(NAMES) - 1:
    raise AssertionError("a word has two meanings")

_SLOT_BITS: Final = 9
_FOLD: Final = 0xC2B2AE3D27D4EB4F
_MASK: Final = 2**64 - 1


def _halves(word: str) -> tuple[int, int]:
    # With the quote behind it, as far as there is room: a word with zeros behind it is another one.
    raw = f'{word}"'.encode()
    return int.from_bytes(raw[:8], "little"), int.from_bytes(raw[8:16], "little")


def _slot(first: int, second: int, factor: int) -> int:
    return (((first ^ (second * _FOLD & _MASK)) * factor) & _MASK) >> (64 - _SLOT_BITS)


def _perfect_factor() -> int:
    """A multiplier that sends every word to a slot of its own; found by trying, always the same."""
    factor = 0x9E3779B97F4A7C15
    while len({_slot(*_halves(word), factor) for word in _CODES}) < len(_CODES):
        factor = (factor * 6364136223846793005 + 1442695040888963407) & _MASK | 1
    return factor


_FACTOR_INT: Final = _perfect_factor()
_FACTOR = np.uint64(_FACTOR_INT)
_FOLD_WORD = np.uint64(_FOLD)
_SHIFT = np.uint64(64 - _SLOT_BITS)
_WORDS = np.zeros((2**_SLOT_BITS, 2), dtype=np.uint64)
_CODE_AT = np.full(2**_SLOT_BITS, -1, dtype=np.int64)
for _word, _code in _CODES.items():
    _WORDS[_slot(*_halves(_word), _FACTOR_INT)] = _halves(_word)
    _CODE_AT[_slot(*_halves(_word), _FACTOR_INT)] = _code


@compiled
def word_code(first, second):
    """The code of the word with these two halves, its quote with it; -1 where there is none.

    Fields come first, then types from 64, then names from 128.
    """
    slot = ((first ^ (second * _FOLD_WORD)) * _FACTOR) >> _SHIFT
    if _WORDS[slot, 0] == first and _WORDS[slot, 1] == second:
        return _CODE_AT[slot]
    return -1
