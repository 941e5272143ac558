"""Shows of any size: how many rooms, how many products each, and how unevenly people choose."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from producers.generator import Show
from producers.profile import Profile
from producers.profile_files import load_profile

#: Ratios of behaviour, prices and noise are this profile's.
_LIKE: Final = "xinba-12h"
#: Copies come soon: a partition remembers its last 250,000 ids at least, and the busiest one of a
#: celebrity has as many in three seconds.
_COPIES_AFTER_MS: Final = (200, 2_000)
#: Views that lead to one event, with that behaviour.
_VIEWS_PER_EVENT: Final = 0.13


@dataclass(frozen=True, slots=True)
class Festival:
    """A show without drops: the same rate from the first second to the last.

    Attributes:
        rooms: all on air from the first moment; each has a host of its own.
        products: in each room's bag.
        zipf: exponent; 0 gives every room the same crowd, 1.1 is usual, and with 4 the first room
            has nine tenths of everything.
        events_per_s: of event time, about.
        duration_s: of event time.
    """

    rooms: int
    products: int = 20
    zipf: float = 0.0
    events_per_s: float = 100_000.0
    duration_s: float = 600.0

    def show(self, seed: int) -> Show:
        """The seeded show."""
        return Show(self.profile(), seed=seed)

    def profile(self) -> Profile:
        """Its profile."""
        base = _base()
        rooms = [
            {
                "room_id": f"room-{number:05d}",
                "kol_id": f"kol-{number:05d}",
                "brand": "Festival",
                "title": f"Room {number}",
            }
            for number in range(1, self.rooms + 1)
        ]
        return Profile.model_validate(
            {
                **base,
                "name": "festival",
                "summary": f"{self.rooms} rooms",
                "duration_s": self.duration_s,
                "rooms": rooms,
                "arrivals": {
                    "views_per_s": self.events_per_s * _VIEWS_PER_EVENT,
                    "room_zipf_exponent": self.zipf,
                    "curve": [(0.0, 1.0), (1.0, 1.0)],
                    "replay_factor": 0.0,
                },
                "programme": {**base["programme"], "drop_factor": (1.0, 1.0)},
                "catalogue": {
                    **base["catalogue"],
                    "products": max(400, self.products),
                    "products_per_room": self.products,
                },
                "noise": {**base["noise"], "duplicate_delay_ms": _COPIES_AFTER_MS},
                "viewing": {**base["viewing"], "people": max(1_000, round(self.events_per_s * 60))},
            }
        )


@cache
def _base() -> dict[str, Any]:
    return load_profile(_LIKE).model_dump()
