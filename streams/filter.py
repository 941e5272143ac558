"""A filter of bounded size that remembers "maybe seen" for ever."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import xxhash

#: 8 MB, taken when the first id is added. With 4 million ids in it, about one new id in 500 is
#: mistaken for a known one.
_BITS: Final = 2**26
_PROBES: Final = 4


class SeenFilter:
    """A Bloom filter: what it does not know is new; what it knows may have been seen.

    It never forgets and never grows. The more ids it holds, the more often it says "maybe".
    """

    __slots__ = ("_bits",)

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._bits: np.ndarray[tuple[int], np.dtype[np.uint8]] | None = None
        self.add(ids)

    def add(self, ids: Iterable[str]) -> None:
        """Remember ids."""
        hashes = [xxhash.xxh3_64_intdigest(one.encode()) for one in ids]
        if not hashes:
            return
        if self._bits is None:
            self._bits = np.zeros(_BITS // 8, dtype=np.uint8)
        places = np.concatenate(_places(np.asarray(hashes, dtype=np.uint64)))
        np.bitwise_or.at(self._bits, places >> 3, np.uint8(1) << (places & 7).astype(np.uint8))

    def __contains__(self, one: str) -> bool:
        """Whether an id may have been added; ``False`` is certain."""
        bits = self._bits
        if bits is None:
            return False
        key = np.asarray([xxhash.xxh3_64_intdigest(one.encode())], dtype=np.uint64)
        return all(bits[int(place[0]) >> 3] >> (int(place[0]) & 7) & 1 for place in _places(key))


def _places(
    hashes: np.ndarray[tuple[int], np.dtype[np.uint64]],
) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """The bits of each hash: steps of its upper half from its lower half (double hashing)."""
    start, step = hashes & np.uint64(0xFFFFFFFF), (hashes >> np.uint64(32)) | np.uint64(1)
    return [
        ((start + np.uint64(probe) * step) % np.uint64(_BITS)).astype(np.int64)
        for probe in range(_PROBES)
    ]
