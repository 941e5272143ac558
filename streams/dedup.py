"""Recognising what was seen before, in bounded memory.

A partition remembers the ids of its last ``capacity`` to twice ``capacity`` accepted records, in two
generations: when the current one is full it becomes the previous one, and the one before that is
forgotten. Which ids are remembered is a function of the accepted records alone, so a replay from
any checkpoint gives the same answers.

Event ids are kept as 64-bit hashes: with a million of them, the chance that a new id is mistaken
for an old one is about 5 in 10^14. Orders and refunds are money, so they are kept in full, with a
fingerprint of their content.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import xxhash

from streams.filter import SeenFilter

_MULTIPLIER = 0x9E3779B185EBCA87
_WORD = 2**64 - 1
_KIND_NUMBERS = {"order": 1, "cancel": 2, "refund": 3}


def mix(state: int, word: int) -> int:
    """Fold one 64-bit word into a hash."""
    mixed = (state ^ word) * _MULTIPLIER & _WORD
    return mixed ^ (mixed >> 29)


def text_hash(text: str) -> int:
    """A 64-bit hash of a text: its size in UTF-8, then its bytes, eight at a time."""
    raw = text.encode()
    h = len(raw)
    for at in range(0, len(raw), 8):
        h = (h ^ int.from_bytes(raw[at : at + 8], "little")) * _MULTIPLIER & _WORD
        h ^= h >> 32
    return h


def event_hash(event_id: str) -> int:
    """A 64-bit hash of an event id; never 0."""
    return xxhash.xxh64_intdigest(event_id.encode()) or 1


def entry_hash(kind: str, entry_id: str) -> int:
    """A 64-bit hash of what identifies a ledger entry."""
    return mix(_KIND_NUMBERS[kind], xxhash.xxh64_intdigest(entry_id.encode()))


#: Hashes of event ids.
Ids = Sequence[int] | npt.NDArray[np.uint64]


def generations(tail: Ids, admitted: int, capacity: int) -> tuple[Ids, Ids]:
    """``(previous, current)`` generation of ids, from the last ones that were admitted."""
    cut = max(0, len(tail) - admitted % capacity)
    return tail[max(0, cut - capacity) : cut], tail[cut:]


class RecentIds:
    """The hashes of the event ids that a partition accepted recently."""

    __slots__ = ("_capacity", "_current", "_fresh", "_previous", "admitted")

    def __init__(self, capacity: int, admitted: int = 0, tail: Ids = ()) -> None:
        """Start empty, or from a checkpoint.

        Args:
            capacity: ids per generation.
            admitted: how many ids the partition has accepted so far.
            tail: the last of them, in order; :meth:`tail_length` says how many matter.
        """
        self._capacity = capacity
        self.admitted = admitted
        previous, current = generations(tail, admitted, capacity)
        self._current = set(current)
        self._previous = set(previous)
        self._fresh: list[int] = []

    @staticmethod
    def tail_length(capacity: int, admitted: int) -> int:
        """How many of the last accepted ids a restored memory needs."""
        return min(admitted, admitted % capacity + capacity)

    def __len__(self) -> int:
        return len(self._current) + len(self._previous)

    def admit(self, event_id: str) -> bool:
        """Remember an id; ``False`` if it is known already."""
        key = event_hash(event_id)
        current = self._current
        if key in current or key in self._previous:
            return False
        current.add(key)
        self._fresh.append(key)
        self.admitted += 1
        if self.admitted % self._capacity == 0:
            self._previous, self._current = current, set()
        return True

    def take_fresh(self) -> list[int]:
        """The ids accepted since the last call, in offset order."""
        fresh, self._fresh = self._fresh, []
        return fresh


class Entry(NamedTuple):
    """One accepted order, cancellation or refund, as the ledger knows it."""

    kind: str
    id: str
    fingerprint: int
    offset: int


#: ``(kind, id) → fingerprint`` of what the ledger holds of the ids asked for.
Known = Mapping[tuple[str, str], int]


class RecentEntries:
    """The ledger entries that a partition accepted recently, and a filter of all before them.

    An entry that is neither remembered nor in the filter is new. One that may be in the filter is
    looked up in the ledger, so that the answer is exact however old the entry is.
    """

    __slots__ = (
        "_capacity",
        "_current",
        "_forgotten",
        "_leaving",
        "_previous",
        "current_from",
        "previous_from",
    )

    def __init__(
        self,
        capacity: int,
        current_from: int = 0,
        previous_from: int = 0,
        entries: Iterable[Entry] = (),
        forgotten: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Start empty, or from a checkpoint.

        Args:
            capacity: entries per generation.
            current_from: offset at which the current generation began.
            previous_from: offset at which the previous one began.
            entries: the ledger's entries of this partition, from ``previous_from`` up to (not
                including) the checkpoint's position. Later ones must be left out: they will be
                replayed, and would be taken for duplicates.
            forgotten: ``(kind, id)`` of the ledger's entries of this partition below
                ``previous_from``.
        """
        self._capacity = capacity
        self.current_from = current_from
        self.previous_from = previous_from
        self._current: dict[tuple[str, str], int] = {}
        self._previous: dict[tuple[str, str], int] = {}
        self._leaving: list[dict[tuple[str, str], int]] = []
        self._forgotten = SeenFilter(_hashes(forgotten))
        for entry in entries:
            generation = self._current if entry.offset >= current_from else self._previous
            generation[entry.kind, entry.id] = entry.fingerprint

    def __len__(self) -> int:
        return len(self._current) + len(self._previous)

    def settle(self) -> None:
        """Let go of generations forgotten during the last batch; called between batches."""
        self._leaving.clear()

    def must_ask(self, kind: str, entry_id: str) -> bool:
        """Whether only the ledger can tell if this entry was accepted before.

        Asked before a batch is folded. What is in memory then stays findable until the batch's
        end, even if its generation is forgotten on the way.
        """
        key = (kind, entry_id)
        if key in self._current or key in self._previous:
            return False
        return bool(self._forgotten.may_hold(_hashes([key]))[0])

    def find(self, kind: str, entry_id: str, known: Known) -> int | None:
        """The fingerprint of an accepted entry, from memory or from what the ledger said."""
        key = (kind, entry_id)
        found = self._current.get(key)
        if found is None:
            found = self._previous.get(key)
        for generation in self._leaving if found is None else ():
            found = generation.get(key, found)
        return known.get(key) if found is None else found

    def admit(self, entry: Entry) -> None:
        """Remember an accepted entry."""
        self._current[entry.kind, entry.id] = entry.fingerprint
        if len(self._current) >= self._capacity:
            self._forgotten.add(_hashes(self._previous))
            self._leaving.append(self._previous)
            self._previous, self._current = self._current, {}
            self.previous_from, self.current_from = self.current_from, entry.offset + 1


def _hashes(keys: Iterable[tuple[str, str]]) -> npt.NDArray[np.uint64]:
    return np.array([entry_hash(*key) for key in keys], dtype=np.uint64)
