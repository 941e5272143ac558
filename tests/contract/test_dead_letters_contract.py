"""Dead letters are found again in every backend, whatever their bytes are."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

import pytest

from liveshop.deadletters import (
    PREVIEW_BYTES,
    Group,
    Place,
    Selection,
    find_letter,
    group_letters,
    list_letters,
    to_replay,
)
from schemas.errors import UsageError
from schemas.rows import COLUMNS
from schemas.store import Store

Given = tuple[str, int, int, int, str, bytes]

LETTERS: Sequence[Given] = (
    ("live.likes", 0, 5, 1_000, "not_json", b"\xff" * 500),
    ("live.likes", 1, 5, 3_000, "not_json", b"\x1b[2J"),
    ("live.likes", 1, 9, 4_000, "not_json", b"\x1b[2J"),
    ("live.likes", 0, 6, 1_000, "empty", b""),
    ("live.purchases", 0, 7, 2_000, "conflict", b"x"),
    ("live.purchases", 0, 8, 2_000, "conflict", b"xy"),
)


@pytest.fixture
def filled(store: Store) -> Store:
    rows = [
        (
            *(topic, partition, offset, appended_ms, reason, f"detail {offset}"),
            b64encode(b"room").decode(),
            b64encode(value).decode(),
        )
        for topic, partition, offset, appended_ms, reason, value in LETTERS
    ]
    for _ in range(2):  # as after a crash between the insert and the checkpoint
        store.insert(
            "dead_letter",
            dict(zip(COLUMNS["dead_letter"], zip(*rows, strict=True), strict=True)),
        )
    return store


def test_letters_are_listed_newest_first_with_the_beginning_of_their_bytes(filled: Store) -> None:
    found = list_letters(filled, Selection())
    assert [one.place for one in found] == [
        Place("live.likes", 1, 9),
        Place("live.likes", 1, 5),
        Place("live.purchases", 0, 8),
        Place("live.purchases", 0, 7),
        Place("live.likes", 0, 6),
        Place("live.likes", 0, 5),
    ]
    assert [one.size for one in found] == [4, 4, 2, 1, 0, 500]
    assert found[-1].value == b"\xff" * PREVIEW_BYTES
    assert [one.value for one in found[:-1]] == [b"\x1b[2J", b"\x1b[2J", b"xy", b"x", b""]
    assert {one.key for one in found} == {b"room"}


def test_letters_are_chosen_by_topic_reason_and_number(filled: Store) -> None:
    assert len(list_letters(filled, Selection(topic="live.likes"))) == 4
    assert len(list_letters(filled, Selection(reason="conflict"))) == 2
    assert list_letters(filled, Selection(topic="live.likes", reason="conflict")) == []
    assert [one.place.offset for one in list_letters(filled, Selection(limit=1))] == [9]


def test_letters_are_grouped_with_their_newest_as_example(filled: Store) -> None:
    likes, sales = "live.likes", "live.purchases"
    assert group_letters(filled, Selection()) == [
        Group(likes, "not_json", 3, 4_000, Place(likes, 1, 9), "detail 9"),
        Group(sales, "conflict", 2, 2_000, Place(sales, 0, 8), "detail 8"),
        Group(likes, "empty", 1, 1_000, Place(likes, 0, 6), "detail 6"),
    ]


def test_one_letter_is_found_with_all_of_its_bytes(filled: Store) -> None:
    letter = find_letter(filled, Place("live.likes", 0, 5))
    assert (letter.value, letter.size) == (b"\xff" * 500, 500)
    with pytest.raises(UsageError, match="no dead letter at live"):
        find_letter(filled, Place("live.likes", 0, 4))


def test_each_content_is_replayed_once_and_what_has_no_bytes_never(filled: Store) -> None:
    assert to_replay(filled, Selection()) == [
        Place("live.likes", 0, 5),
        Place("live.likes", 1, 5),
        Place("live.purchases", 0, 7),
        Place("live.purchases", 0, 8),
    ]
    assert to_replay(filled, Selection(limit=1)) == [Place("live.likes", 0, 5)]
    assert to_replay(filled, Selection(reason="empty")) == []
