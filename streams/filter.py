"""A filter of bounded size that remembers "maybe seen" for ever."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

#: 8 MB, taken when the first id is added. With 4 million ids in it, about one new id in 500 is
#: mistaken for a known one.
_BITS: Final = 2**26
_PROBES: Final = 4

Hashes = npt.NDArray[np.uint64]


class SeenFilter:
    """A Bloom filter over 64-bit hashes: what it does not know is new; what it knows may be seen.

    It never forgets and never grows. The more ids it holds, the more often it says "maybe".
    """

    __slots__ = ("_bits",)

    def __init__(self, hashes: Hashes | None = None) -> None:
        self._bits: npt.NDArray[np.uint8] | None = None
        if hashes is not None:
            self.add(hashes)

    @property
    def is_empty(self) -> bool:
        """Whether it knows nothing at all."""
        return self._bits is None

    def add(self, hashes: Hashes) -> None:
        """Remember ids."""
        if not len(hashes):
            return
        if self._bits is None:
            self._bits = np.zeros(_BITS // 8, dtype=np.uint8)
        places = np.concatenate(_places(hashes))
        np.bitwise_or.at(self._bits, places >> 3, np.uint8(1) << (places & 7).astype(np.uint8))

    def may_hold(self, hashes: Hashes) -> npt.NDArray[np.bool_]:
        """For each id whether it may have been added; ``False`` is certain."""
        found = np.ones(len(hashes), dtype=np.bool_)
        if self._bits is None:
            return ~found
        for place in _places(hashes):
            found &= (self._bits[place >> 3] >> (place & 7).astype(np.uint8) & 1).astype(np.bool_)
        return found


def _places(hashes: Hashes) -> list[npt.NDArray[np.int64]]:
    """The bits of each hash: steps of its upper half from its lower half (double hashing)."""
    start, step = hashes & np.uint64(0xFFFFFFFF), (hashes >> np.uint64(32)) | np.uint64(1)
    return [
        ((start + np.uint64(probe) * step) % np.uint64(_BITS)).astype(np.int64)
        for probe in range(_PROBES)
    ]
