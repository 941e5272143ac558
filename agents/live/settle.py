"""Tell a real difference from a flush under way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agents.live.trust import Difference

#: A flush inserts the window rows before the ledger rows, so that one look may fall in between.
#: A difference is real when the very same one is seen in this many looks in a row.
LOOKS: Final = 3


class Settling:
    """Counts for how many looks in a row each difference has stood unchanged."""

    def __init__(self) -> None:
        self._looks: dict[Difference, int] = {}

    def look(self, found: Sequence[Difference]) -> None:
        """Take in what one comparison of windows and ledger has found."""
        self._looks = {difference: self._looks.get(difference, 0) + 1 for difference in found}

    @property
    def confirmed(self) -> list[Difference]:
        """Differences that stood unchanged in ``LOOKS`` looks."""
        return [difference for difference, looks in self._looks.items() if looks >= LOOKS]

    @property
    def unsettled(self) -> list[Difference]:
        """Differences seen in the last look that are not confirmed yet."""
        return [difference for difference, looks in self._looks.items() if looks < LOOKS]
