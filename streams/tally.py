"""Absolute values of open windows: add a record, put in a restored cell, read the result."""

from __future__ import annotations

from collections.abc import Sequence

from streams.cells import Cell, Cells, Key
from streams.windows import Watermark


class Tally:
    """The open windows of one table of one partition.

    Args:
        columns: names of the values, in the order of the table's value columns.
    """

    __slots__ = ("_cells", "_width", "at")

    def __init__(self, columns: Sequence[str]) -> None:
        self._cells: dict[Key, Cell] = {}
        self._width = len(columns)
        #: value column → its place in a cell.
        self.at = {name: 1 + i for i, name in enumerate(columns)}

    def __len__(self) -> int:
        return len(self._cells)

    def cell(self, key: Key, offset: int) -> Cell:
        """The cell for a record at ``offset``, for the caller to add to. O(1)."""
        cell = self._cells.get(key)
        if cell is None:
            cell = self._cells[key] = [0] * (1 + self._width)
        cell[0] = offset
        return cell

    def rows_since(
        self, position: int, topic: str, partition: int
    ) -> Sequence[tuple[str | int, ...]]:
        """The rows of the cells into which a record at or above ``position`` was folded."""
        return [
            (*dimensions, int(window_ms) // 1_000, late_slice, topic, partition, *cell)
            for (*dimensions, window_ms, late_slice), cell in self._cells.items()
            if cell[0] >= position
        ]

    def drop_closed(self, watermark: Watermark) -> None:
        """Forget the cells that no later record can reach. Their rows must have been taken."""
        closed = [key for key in self._cells if watermark.is_closed(int(key[-2]), int(key[-1]))]
        for key in closed:
            del self._cells[key]

    def changed(self, position: int) -> int:
        """How many cells a record at or above ``position`` was folded into."""
        return sum(cell[0] >= position for cell in self._cells.values())

    def snapshot(self, position: int = 0) -> Cells:
        """The open cells into which a record at or above ``position`` was folded."""
        return Cells.of({key: cell for key, cell in self._cells.items() if cell[0] >= position})

    def put(self, cells: Cells) -> None:
        """Take over cells of a checkpoint, in the place of those with the same keys."""
        self._cells |= cells.by_key()
