"""When views begin: a non-homogeneous Poisson process per room, drawn second by second.

Times in here are milliseconds since the start of the show.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from producers import profile as profiles
from producers.catalogue import cumulative_zipf
from producers.programme import Programme

_BIN_MS: Final = 1000

#: A surge below e ** -12 of its height is over.
_SURGE_SPANS: Final = 12.0

#: Slices of about this many views keep numpy busy, and whoever sends waiting only briefly.
_VIEWS_PER_SLICE: Final = 500


class Arrivals:
    """The rate of views in each room, and draws from it.

    Attributes:
        slice_ms: how much time is drawn at once; a function of profile and scale alone, for it
            decides which random numbers an event gets.
    """

    def __init__(self, profile: profiles.Profile, programme: Programme, scale: float) -> None:
        self._settings = profile.arrivals
        self._programme = programme
        shares = np.diff(
            cumulative_zipf(len(profile.rooms), profile.arrivals.room_zipf_exponent), prepend=0.0
        )
        self._base_per_ms = shares * profile.arrivals.views_per_s * scale / 1000
        self._end_ms = profile.duration_ms
        views_per_s = profile.arrivals.views_per_s * scale
        self.slice_ms = _BIN_MS * int(np.clip(_VIEWS_PER_SLICE / views_per_s, 1, 120))

    def draw(
        self, rng: np.random.Generator, from_ms: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The views that begin in ``[from_ms, from_ms + slice_ms)``: their rooms and times."""
        bins = np.arange(from_ms, from_ms + self.slice_ms, _BIN_MS, dtype=np.int64)
        expected = np.stack(
            [self._rate_per_ms(room, bins) for room in range(len(self._base_per_ms))]
        )
        counts = rng.poisson(expected * _BIN_MS)
        room = np.repeat(np.arange(len(counts)), counts.sum(axis=1))
        second = np.concatenate([np.repeat(bins, row) for row in counts])
        return room, second + rng.integers(0, _BIN_MS, len(second))

    def _rate_per_ms(self, room: int, bins: NDArray[np.int64]) -> NDArray[np.float64]:
        """The rate at the beginning of each bin, in views per millisecond."""
        opens, closes = self._programme.opens_ms[room], self._programme.closes_ms[room]
        progress = (bins - opens) / max(1, closes - opens)
        points, factors = zip(*self._settings.curve, strict=True)
        live = np.interp(progress, points, factors) * self._surge(room, bins)
        on_air = (bins >= opens) & (bins < closes)
        replay = (bins >= closes) & (bins < self._end_ms)
        factor = np.where(on_air, live, np.where(replay, self._settings.replay_factor, 0.0))
        rate: NDArray[np.float64] = self._base_per_ms[room] * factor
        return rate

    def _surge(self, room: int, bins: NDArray[np.int64]) -> NDArray[np.float64]:
        """What the drops multiply the rate by; surges add up."""
        slots = self._programme.slots
        factor = np.ones(len(bins))
        active = np.flatnonzero(
            (slots.room == room)
            & (slots.flash_end_ms > 0)
            & (slots.start_ms <= bins[-1])
            & (slots.start_ms + _SURGE_SPANS * slots.decay_ms > bins[0])
        )
        for drop in active:
            since = bins - slots.start_ms[drop]
            height = (slots.factor[drop] - 1) * np.exp(-since / slots.decay_ms[drop])
            factor += np.where(since >= 0, height, 0.0)
        return factor
