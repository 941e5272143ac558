"""The memory that makes absolute parts idempotent: what was taken of each, in its newest version."""

from __future__ import annotations

import numpy as np

from streams.columnar.native import compiled
from streams.columnar.tables import CellTable, Ints, find_cell


@compiled
def _gain(table, keys, windows, versions, values, gained):
    cells = table.cells
    for i in range(len(windows)):
        row = find_cell(table, np.int64(-1), keys[0, i], keys[1, i], keys[2, i], windows[i])
        # A new row has version 0: what is kept is the version plus one.
        if versions[i] >= cells[row, 0]:
            cells[row, 0] = versions[i] + 1
            for k in range(len(values)):
                gained[k, i] = values[k, i] - cells[row, 1 + k]
                cells[row, 1 + k] = values[k, i]
        else:
            for k in range(len(values)):
                gained[k, i] = 0


class PartMemory:
    """The newest version and values of the parts of one partition that may still change.

    Args:
        width: values of a part.
    """

    __slots__ = ("_table",)

    def __init__(self, width: int) -> None:
        self._table = CellTable(width)

    def __len__(self) -> int:
        return len(self._table)

    @property
    def late(self) -> int:
        """How many of them are of a late slice."""
        return int((self._table.keys[:, 2] >> 32 > 0).sum())

    def gain(
        self, codes: Ints, late_slices: Ints, windows: Ints, versions: Ints, values: Ints
    ) -> Ints:
        """Take parts in.

        Args:
            codes: ``int64[t, n]``, up to five numbers below 2^32 that, with slice and window, tell
                the parts apart.
            late_slices: ``int64[n]``.
            windows: ``int64[n]``.
            versions: ``int64[n]``, 0 or more.
            values: ``int64[width, n]``.

        Returns:
            ``int64[width, n]``: what each adds to what was known of it; 0 where that is newer.
        """
        halves = [*codes, *[np.zeros_like(windows)] * (5 - len(codes)), late_slices]
        keys = np.stack(
            [low | high << 32 for low, high in zip(halves[::2], halves[1::2], strict=True)]
        )
        gained = np.empty_like(values)
        self._table.make_room(len(windows))
        _gain(self._table.arrays, keys, windows, versions, np.ascontiguousarray(values), gained)
        return gained

    def forget(self, final_before: int, late_before: int) -> None:
        """Forget parts of windows before a moment; those of late slices before another one."""
        self._table.keep_open(final_before - 1, 1, late_before)
