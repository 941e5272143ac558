"""What was seen before, in bounded memory."""

from __future__ import annotations

import numpy as np
import pytest

from streams.dedup import Entry, RecentEntries, RecentIds, entry_hash
from streams.engagement import LikesFold
from streams.filter import SeenFilter
from streams.windows import WindowPolicy
from tests.unit.streams.records import feed, like, read


def admit_all(recent: RecentIds, names: str) -> str:
    """Of the one-letter ids, those that were new."""
    return "".join(name for name in names if recent.admit(name))


def test_repeated_id_is_known() -> None:
    recent = RecentIds(capacity=10)
    assert admit_all(recent, "abca") == "abc"
    assert (recent.admitted, len(recent)) == (3, 3)


def test_at_least_the_last_capacity_ids_and_at_most_twice_as_many_are_known() -> None:
    recent = RecentIds(capacity=3)
    assert admit_all(recent, "abcde") == "abcde"
    assert admit_all(recent, "a") == ""  # five ids: none is forgotten
    assert admit_all(recent, "f") == "f"  # the sixth fills the second generation
    assert len(recent) == 3
    assert admit_all(recent, "def") == ""
    assert admit_all(recent, "a") == "a"


@pytest.mark.parametrize(
    ("admitted", "needed"), [(0, 0), (2, 2), (3, 3), (5, 5), (6, 3), (7, 4), (8, 5), (9, 3)]
)
def test_tail_is_the_current_generation_and_the_one_before(admitted: int, needed: int) -> None:
    assert RecentIds.tail_length(3, admitted) == needed


@pytest.mark.parametrize("count", range(14))
def test_restored_memory_knows_exactly_what_the_first_one_knew(count: int) -> None:
    names = "abcdefghijklmn"[:count]
    first = RecentIds(capacity=3)
    admit_all(first, names)
    admitted = first.take_fresh()
    assert first.take_fresh() == []
    tail = admitted[count - RecentIds.tail_length(3, count) :]
    again = RecentIds(3, admitted=count, tail=tail)
    assert len(again) == len(first)
    assert admit_all(again, names + "xyz" + names) == admit_all(first, names + "xyz" + names)
    assert again.take_fresh() == first.take_fresh()


def entry(name: str, offset: int) -> Entry:
    return Entry("order", name, hash_of(name), offset)


def hash_of(name: str) -> int:
    return ord(name[0])


def test_entry_is_found_with_its_fingerprint_and_by_its_kind() -> None:
    recent = RecentEntries(capacity=10)
    recent.admit(entry("a", 0))
    assert recent.find("order", "a", {}) == hash_of("a")
    assert recent.find("refund", "a", {}) is None
    assert recent.find("order", "b", {}) is None
    assert recent.find("order", "b", {("order", "b"): 7}) == 7


def test_nothing_is_asked_of_the_ledger_before_anything_was_forgotten() -> None:
    recent = RecentEntries(capacity=2)
    for offset, name in enumerate("abc"):
        recent.admit(entry(name, offset))
    assert not recent.must_ask("order", "z")


def test_ledger_is_asked_for_what_was_forgotten_and_not_for_what_is_new() -> None:
    recent = RecentEntries(capacity=2)
    for offset, name in enumerate("abcdef"):
        recent.admit(entry(name, offset))
    recent.settle()
    assert recent.must_ask("order", "a")
    assert recent.must_ask("order", "b")
    assert not recent.must_ask("refund", "a")
    assert not recent.must_ask("order", "f")
    assert not recent.must_ask("order", "z")


def test_what_is_forgotten_within_a_batch_stays_findable_until_its_end() -> None:
    recent = RecentEntries(capacity=1)
    for offset, name in enumerate("abcd"):
        recent.admit(entry(name, offset))
    assert recent.find("order", "a", {}) == hash_of("a")
    recent.settle()
    assert recent.find("order", "a", {}) is None
    assert recent.find("order", "d", {}) == hash_of("d")


def test_restored_entries_fall_into_the_generations_they_were_in() -> None:
    first = RecentEntries(capacity=2)
    entries = [entry(name, 10 * n) for n, name in enumerate("abcde")]
    for one in entries:
        first.admit(one)
    assert (first.previous_from, first.current_from) == (11, 31)
    again = RecentEntries(
        2,
        current_from=first.current_from,
        previous_from=first.previous_from,
        entries=[one for one in entries if one.offset >= first.previous_from],
        forgotten=[(one.kind, one.id) for one in entries if one.offset < first.previous_from],
    )
    for recent in (first, again):
        recent.settle()
        assert recent.must_ask("order", "b")
        assert not recent.must_ask("order", "c")
        recent.admit(entry("f", 60))
        recent.settle()
        assert recent.must_ask("order", "c")
        assert (recent.previous_from, recent.current_from) == (31, 61)
        assert recent.find("order", "d", {}) is None
        assert recent.find("order", "e", {}) == hash_of("e")


def test_filter_knows_all_it_was_given_and_hardly_anything_else() -> None:
    known, others = (
        np.array([entry_hash(kind, str(n)) for n in range(20_000)], dtype=np.uint64)
        for kind in ("order", "refund")
    )
    seen = SeenFilter(known)
    assert seen.may_hold(known).all()
    assert seen.may_hold(others).sum() < 20


def test_repeated_event_changes_nothing_but_the_count_of_duplicates() -> None:
    fold = LikesFold(0, WindowPolicy())
    feed(fold, like(1, 5), like(1, 5), like(2, 1), like(1, 9))
    columns = ("events", "likes", "version")
    assert read(fold.take(), "activity_window", *columns) == [(2, 6, 2)]
    assert (fold.counts.consumed, fold.counts.folded, fold.counts.duplicates) == (4, 2, 2)
