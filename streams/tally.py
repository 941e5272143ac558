"""Absolute values of open windows: add a record, merge a restored cell, read the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from streams.windows import Watermark

#: ``(*dimensions, window_ms, late_slice)``.
Key = tuple[str | int, ...]
#: ``[version, *values]``; version is the offset of the last record folded in.
Cell = list[int]
#: Cells in a checkpoint, by column: ``names``, all strings; ``dimensions``, their places in it;
#: ``numbers``, which are window_ms, late_slice, version and the values.
Snapshot = dict[str, Any]


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

    def snapshot(self) -> Snapshot:
        """All open cells in the order of their keys, for a checkpoint.

        The order is fixed, so that two workers at one position write one checkpoint.
        """
        names = sorted({str(name) for key in self._cells for name in key[:-2]})
        places = {name: place for place, name in enumerate(names)}
        cells = sorted(self._cells.items())
        dimensions = [[places[str(name)] for name in key[:-2]] for key, _ in cells]
        numbers = [[*key[-2:], *cell] for key, cell in cells]
        return {
            "names": names,
            "dimensions": list(zip(*dimensions, strict=True)),
            "numbers": list(zip(*numbers, strict=True)),
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Take over the cells of a checkpoint."""
        self._cells = cells_of(snapshot)


def cells_of(snapshot: Mapping[str, Any]) -> dict[Key, Cell]:
    """The cells in a checkpoint, by key."""
    names, numbers = snapshot["names"], snapshot["numbers"]
    columns = [[names[code] for code in column] for column in snapshot["dimensions"]]
    keys = zip(*columns, *numbers[:2], strict=True)
    cells = map(list, zip(*numbers[2:], strict=True))
    return dict(zip(keys, cells, strict=True))
