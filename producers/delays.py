"""Holds records back until they are due.

Records are put into buckets of one slice of time each. Nothing that a later slice draws can be due
before that slice begins, so a bucket is complete, and sorted once, when its slice has been drawn:
cheaper than a heap.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from producers.record import EventDict

#: (due_ms, sequence, topic, key, event or garbage bytes, kind). The sequence is unique, and orders
#: what is due in the same millisecond: causes before effects.
#: The kind is its number: a tuple of numbers and strings is none of the garbage collector's business,
#: which matters with hundreds of thousands of them.
Delayed = tuple[int, int, str, bytes, EventDict | bytes, int]


class DelayQueue:
    """A calendar of delayed records.

    Args:
        start_ms: event time at which bucket 0 begins.
        slice_ms: length of a bucket.
        until_ms: records due at or after this moment wait for :meth:`rest`.
    """

    def __init__(self, start_ms: int, slice_ms: int, until_ms: int) -> None:
        self._start_ms = start_ms
        self._slice_ms = slice_ms
        self._until_ms = until_ms
        self._buckets: defaultdict[int, list[Delayed]] = defaultdict(list)
        self._rest: list[Delayed] = []

    def put(
        self, entries: list[Delayed], due_ms: NDArray[np.int64], chosen: NDArray[np.int64]
    ) -> None:
        """Queue the chosen ones of many records; ``due_ms`` repeats their due times."""
        # Sorting and splitting in numpy leaves each bucket a few sorted runs, which list.sort
        # merges in linear time.
        order = chosen[np.argsort(due_ms[chosen], kind="stable")]
        due_ms = due_ms[order]
        place = np.where(
            due_ms < self._until_ms, (due_ms - self._start_ms) // self._slice_ms, np.int64(-1)
        )
        cuts = np.flatnonzero(np.diff(place)) + 1
        for piece in np.split(np.arange(len(order)), cuts):
            if len(piece):
                chunk = [entries[i] for i in order[piece].tolist()]
                self._bucket(int(place[piece[0]])).extend(chunk)

    def put_few(self, entries: list[Delayed]) -> None:
        """Queue records one by one."""
        for entry in entries:
            due_ms = entry[0]
            index = (due_ms - self._start_ms) // self._slice_ms if due_ms < self._until_ms else -1
            self._bucket(index).append(entry)

    def take(self, index: int) -> list[Delayed]:
        """The records due in one slice, in order."""
        bucket = self._buckets.pop(index, [])
        bucket.sort()
        return bucket

    def rest(self) -> list[Delayed]:
        """The records due at or after the end, in order."""
        self._rest.sort()
        return self._rest

    def _bucket(self, index: int) -> list[Delayed]:
        return self._rest if index < 0 else self._buckets[index]
