"""Absolute values of open windows: add a record, merge a restored cell, read the result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from streams.windows import Watermark

#: ``(*dimensions, window_ms, late_slice)``.
Key = tuple[str | int, ...]
#: ``[version, *values]``; version is the offset of the last record folded in.
Cell = list[int]


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

    def changed_since(self, position: int) -> Iterator[tuple[Key, Cell]]:
        """The cells into which a record at or above ``position`` was folded."""
        return ((key, cell) for key, cell in self._cells.items() if cell[0] >= position)

    def drop_closed(self, watermark: Watermark) -> None:
        """Forget the cells that no later record can reach. Their rows must have been taken."""
        closed = [key for key in self._cells if watermark.is_closed(int(key[-2]), int(key[-1]))]
        for key in closed:
            del self._cells[key]

    def snapshot(self) -> list[list[Sequence[str | int]]]:
        """All open cells, for a checkpoint."""
        return [[key, cell] for key, cell in self._cells.items()]

    def restore(self, cells: Iterable[Sequence[Sequence[str | int]]]) -> None:
        """Take over the cells of a checkpoint."""
        self._cells = {tuple(key): [int(value) for value in cell] for key, cell in cells}
