"""A record whose Kafka key is not its room's is not folded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streams.engagement import LikesFold
from streams.fold import Counts
from streams.windows import WindowPolicy
from tests.unit.streams.records import like, next_batch


def verdict(key: bytes | None, room_id: str = "room") -> str:
    """The reason for which a record is refused, or nothing."""
    fold = LikesFold(0, WindowPolicy())
    fold.fold(replace(next_batch(fold, like(1, room_id=room_id)), keys=[key]))
    taken = fold.take()
    assert fold.counts == Counts(
        consumed=1, folded=1 - len(taken.dead_letters), dead_lettered=len(taken.dead_letters)
    )
    return next((letter.reason for letter in taken.dead_letters), "")


@pytest.mark.parametrize("key", [None, b"", b"room", b"room#7", b"room:like", b"room#", b"room:"])
def test_key_of_the_room_or_none_is_fine(key: bytes | None) -> None:
    assert verdict(key) == ""


@pytest.mark.parametrize(
    "key", [b"other", b"roo", b"rooms", b"room-2#1", b"Room", b" room", b"room ", b"\xff", b"#room"]
)
def test_key_of_another_room_is_refused(key: bytes) -> None:
    assert verdict(key) == "wrong_key"


def test_keys_are_compared_as_utf_8() -> None:
    assert verdict("salle-é".encode(), "salle-é") == ""
    assert verdict("salle-é".encode("latin-1"), "salle-é") == "wrong_key"


def test_refused_record_is_not_remembered_so_that_it_can_come_again_with_its_key() -> None:
    fold = LikesFold(0, WindowPolicy())
    fold.fold(replace(next_batch(fold, like(1)), keys=[b"other"]))
    fold.fold(next_batch(fold, like(1)))
    (letter,) = fold.take().dead_letters
    assert (letter.reason, letter.detail) == ("wrong_key", "the key is b'other'")
    assert fold.counts == Counts(consumed=2, folded=1, dead_lettered=1)
