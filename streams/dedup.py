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

import xxhash


class RecentIds:
    """The hashes of the event ids that a partition accepted recently."""

    __slots__ = ("_capacity", "_current", "_fresh", "_previous", "admitted")

    def __init__(self, capacity: int, admitted: int = 0, tail: Sequence[int] = ()) -> None:
        """Start empty, or from a checkpoint.

        Args:
            capacity: ids per generation.
            admitted: how many ids the partition has accepted so far.
            tail: the last of them, in order; :meth:`tail_length` says how many matter.
        """
        self._capacity = capacity
        self.admitted = admitted
        in_current = admitted % capacity
        cut = max(0, len(tail) - in_current)
        self._current = set(tail[cut:])
        self._previous = set(tail[max(0, cut - capacity) : cut])
        self._fresh: list[int] = []

    @staticmethod
    def tail_length(capacity: int, admitted: int) -> int:
        """How many of the last accepted ids a restored memory needs."""
        return min(admitted, admitted % capacity + capacity)

    def __len__(self) -> int:
        return len(self._current) + len(self._previous)

    def admit(self, event_id: str) -> bool:
        """Remember an id; ``False`` if it is known already."""
        key = xxhash.xxh3_64_intdigest(event_id.encode())
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
    occurred_at_ms: int


#: ``(kind, id) → fingerprint`` of what the ledger holds of the ids asked for.
Known = Mapping[tuple[str, str], int]


class RecentEntries:
    """The ledger entries that a partition accepted recently, and where its memory ends.

    An entry older than the memory is looked up in the ledger, but only if its event time is not
    newer than everything forgotten: a copy carries the time of its original.
    """

    __slots__ = (
        "_capacity",
        "_current",
        "_leaving",
        "_newest_ms",
        "_previous",
        "current_from",
        "forgotten_until_ms",
        "previous_from",
    )

    def __init__(
        self,
        capacity: int,
        current_from: int = 0,
        previous_from: int = 0,
        forgotten_until_ms: int = 0,
        entries: Iterable[Entry] = (),
    ) -> None:
        """Start empty, or from a checkpoint.

        Args:
            capacity: entries per generation.
            current_from: offset at which the current generation began.
            previous_from: offset at which the previous one began.
            forgotten_until_ms: the newest event time among forgotten entries.
            entries: the ledger's entries of this partition, from ``previous_from`` up to (not
                including) the checkpoint's position. Later ones must be left out: they will be
                replayed, and would be taken for duplicates.
        """
        self._capacity = capacity
        self.current_from = current_from
        self.previous_from = previous_from
        self.forgotten_until_ms = forgotten_until_ms
        self._current: dict[tuple[str, str], int] = {}
        self._previous: dict[tuple[str, str], int] = {}
        self._leaving: list[dict[tuple[str, str], int]] = []
        # The newest event time of (previous, current), to know what forgetting loses.
        self._newest_ms = [0, 0]
        for entry in entries:
            is_current = entry.offset >= current_from
            generation = self._current if is_current else self._previous
            generation[entry.kind, entry.id] = entry.fingerprint
            self._newest_ms[is_current] = max(self._newest_ms[is_current], entry.occurred_at_ms)

    def __len__(self) -> int:
        return len(self._current) + len(self._previous)

    def settle(self) -> None:
        """Let go of generations forgotten during the last batch; called between batches."""
        self._leaving.clear()

    def must_ask(self, kind: str, entry_id: str, occurred_at_ms: int) -> bool:
        """Whether only the ledger can tell if this entry was accepted before.

        Asked before a batch is folded. What is in memory then stays findable until the batch's
        end, even if its generation is forgotten on the way.
        """
        if occurred_at_ms <= self.forgotten_until_ms:
            key = (kind, entry_id)
            return key not in self._current and key not in self._previous
        return False

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
        self._newest_ms[1] = max(self._newest_ms[1], entry.occurred_at_ms)
        if len(self._current) >= self._capacity:
            if self._previous:
                self.forgotten_until_ms = max(self.forgotten_until_ms, self._newest_ms[0])
                self._leaving.append(self._previous)
            self._previous, self._current = self._current, {}
            self._newest_ms = [self._newest_ms[1], 0]
            self.previous_from, self.current_from = self.current_from, entry.offset + 1
