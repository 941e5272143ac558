"""The products of a show: names, prices, and how often each one is picked."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from producers import profile as profiles
from producers.seeds import Concern, generator

#: So that an order of many pieces stays far below the largest amount an event may carry.
_HIGHEST_PRICE_MINOR: Final = 10**9


class Catalogue:
    """Which products each room sells, and for how much.

    Attributes:
        product_ids: per room, its products; a *local* index points into this list.
        titles: alike.
        price_minor: shape (rooms, products per room), list prices in the room's currency.
    """

    def __init__(self, profile: profiles.Profile, seed: int) -> None:
        settings = profile.catalogue
        rng = generator(seed, Concern.CATALOGUE)
        prices = ending_in_nine(
            settings.price_median_minor
            * np.exp(settings.price_sigma * rng.standard_normal(settings.products))
        )
        per_room = settings.products_per_room
        # Each room's bag is a window on the catalogue; windows overlap when there is no room
        # for separate ones, so that a product is sold in more than one room.
        step = max(1, settings.products // len(profile.rooms))
        windows = [
            [(room * step + local) % settings.products for local in range(per_room)]
            for room in range(len(profile.rooms))
        ]
        self.product_ids = [[f"p-{index + 1:04d}" for index in window] for window in windows]
        self.titles = [
            [f"{settings.names[i % len(settings.names)]} No. {i + 1}" for i in window]
            for window in windows
        ]
        self.price_minor: NDArray[np.int64] = np.stack(
            [
                ending_in_nine(prices[window] * room.price_factor)
                for window, room in zip(windows, profile.rooms, strict=True)
            ]
        )
        self._popularity = cumulative_zipf(per_room, settings.product_zipf_exponent)

    def pick(self, uniform: NDArray[np.float64]) -> NDArray[np.int64]:
        """Local product indexes by popularity, from uniform numbers in [0, 1)."""
        return np.searchsorted(self._popularity, uniform, side="right")


def ending_in_nine(amounts_minor: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """The amounts with their last digit turned into 9, kept below ``_HIGHEST_PRICE_MINOR``."""
    tens = np.minimum(np.asarray(amounts_minor), _HIGHEST_PRICE_MINOR) // 10
    return tens.astype(np.int64) * 10 + 9


def cumulative_zipf(count: int, exponent: float) -> NDArray[np.float64]:
    """Cumulative shares of ranks 1 to ``count``, each in proportion to rank ** -exponent."""
    return cumulative(np.arange(1, count + 1, dtype=np.float64) ** -exponent)


def cumulative(weights: NDArray[np.float64] | list[float]) -> NDArray[np.float64]:
    """Cumulative shares of weights; the last one is exactly 1, so that no draw falls outside."""
    shares = np.cumsum(np.asarray(weights, dtype=np.float64))
    shares /= shares[-1]
    shares[-1] = 1.0
    return shares
