"""Open windows in a checkpoint: the same text for the plain folds and for those in columns."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import orjson

from streams.columns import Ints

#: ``(*dimensions, window_ms, late_slice)``.
Key = tuple[str | int, ...]
#: ``[version, *values]``; version is the offset of the last record folded in.
Cell = list[int]

_WIDTHS: Final = (1, 2, 4, 8)


class Cells(NamedTuple):
    """Cells of one table, by column.

    Attributes:
        names: all strings in the keys, each once.
        dimensions: ``int64[d, n]``, places in ``names``.
        numbers: ``int64[k, n]``: window_ms, late_slice, version and the values.
    """

    names: Sequence[str]
    dimensions: Ints
    numbers: Ints

    @classmethod
    def of(cls, cells: Mapping[Key, Cell]) -> Cells:
        """Cells by their keys, as columns."""
        places: dict[str, int] = {}
        dimensions = [
            [places.setdefault(str(name), len(places)) for name in key[:-2]] for key in cells
        ]
        numbers = [[*key[-2:], *cell] for key, cell in cells.items()]
        return cls(list(places), _columns(dimensions), _columns(numbers))

    def by_key(self) -> dict[Key, Cell]:
        """The cells by their keys."""
        texts = [[self.names[place] for place in column] for column in self.dimensions.tolist()]
        window_ms, late_slice, *cells = self.numbers.tolist() or ([], [])
        keys = zip(*texts, window_ms, late_slice, strict=True)
        return dict(zip(keys, map(list, zip(*cells, strict=True)), strict=True))


def _columns(rows: list[list[Any]]) -> Ints:
    return np.array(rows, dtype=np.int64).T


def pack_cells(tables: Mapping[str, Cells]) -> bytes:
    """Cells of some tables as the store keeps them: JSON, each column in as few bytes as it needs."""
    return orjson.dumps(
        {
            table: {
                "names": cells.names,
                "dimensions": _pack(cells.dimensions),
                "numbers": _pack(cells.numbers),
            }
            for table, cells in tables.items()
            if cells.numbers.size
        }
    )


def unpack_cells(packed: bytes | str) -> dict[str, Cells]:
    """What :func:`pack_cells` made; tables without cells are not among it."""
    return {
        table: Cells(
            found["names"],
            np.array([_unpack(*column) for column in found["dimensions"]], dtype=np.int64),
            np.array([_unpack(*column) for column in found["numbers"]], dtype=np.int64),
        )
        for table, found in orjson.loads(packed).items()
    }


def _pack(columns: Ints) -> list[tuple[int, int, int, str]]:
    """Of each column its length, least value, bytes per value, and what is above the least, in base64.

    Most columns of a short show hold one value: what is the same for all is asked of all at once.
    """
    n, packed = columns.shape[1], []
    bounds = zip(columns.min(axis=1).tolist(), columns.max(axis=1).tolist(), strict=True)
    for column, (least, most) in zip(columns, bounds, strict=True):
        width, content = 0, ""
        if least != most:
            width = next(width for width in _WIDTHS if most - least < 1 << 8 * width)
            # Differences of any two 64-bit integers fit into 64 bits without a sign.
            above = column.view(np.uint64) - np.uint64(least % 2**64)
            content = base64.b64encode(above.astype(f"<u{width}").tobytes()).decode()
        packed.append((n, least, width, content))
    return packed


def _unpack(length: int, least: int, width: int, content: str) -> Ints:
    if not width:
        return np.full(length, least, dtype=np.int64)
    above = np.frombuffer(base64.b64decode(content), dtype=f"<u{width}").astype(np.uint64)
    return (above + np.uint64(least % 2**64)).view(np.int64)
