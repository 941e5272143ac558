"""Where randomness comes from, and the identifiers made along the way.

Each concern draws from a generator of its own, named by (seed, concern, index). So a change of
the noise does not move the events, and a slice of time does not depend on those before it.
"""

from __future__ import annotations

from enum import IntEnum
from hashlib import blake2b

import numpy as np


class Concern(IntEnum):
    """What the random numbers are for. The numbers are part of what a seed means."""

    CATALOGUE = 0
    PROGRAMME = 1
    AUDIENCE = 2
    NOISE = 3


def generator(seed: int, concern: Concern, index: int = 0) -> np.random.Generator:
    """A fresh generator for one concern and one room or slice of time."""
    return np.random.default_rng([seed, int(concern), index])


class Ids:
    """Hands out identifiers that are unique within a show, and between different shows.

    Args:
        identity: what makes the show what it is; hashed into every identifier.
    """

    def __init__(self, identity: str) -> None:
        self._prefix = blake2b(identity.encode(), digest_size=5).hexdigest()
        self._next = 0

    def take(self, count: int, prefix: str = "") -> list[str]:
        """The next ``count`` identifiers: ``prefix`` and 20 hexadecimal digits."""
        first = self._next
        self._next = last = first + count
        stem = prefix + self._prefix
        return [f"{stem}{number:010x}" for number in range(first, last)]
