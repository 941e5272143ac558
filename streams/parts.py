"""What leaderboards are made of: absolute parts of many partitions, as columns.

A part is the value of one row of a window table at a version. Parts are idempotent: taking one twice,
or an older one after a newer one, changes nothing, and the order of arrival does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np

from schemas.rows import COLUMNS
from streams.columns import Block, Coded, Column, Ints, Repeated, compacted

_WHICH: Final = ("late_slice", "window_start", "version", "kafka_partition")


@dataclass(frozen=True, slots=True)
class _Source:
    """Which columns of a table parts are made of; the first text is what they count for."""

    table: str
    texts: tuple[str, ...]
    values: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that are needed."""
        return (*self.texts, *self.values, *_WHICH)


#: Kind of part → where it comes from. Sales belong to the KOL of the order, views to a room.
SOURCES: Final[Mapping[str, _Source]] = {
    "sales": _Source(
        "sales_window",
        ("kol_id", "currency", "room_id", "promo", "attribution"),
        ("orders", "gmv_minor", "refund_minor"),
    ),
    "views": _Source("activity_window", ("room_id", "source", "mode"), ("views",)),
}


@dataclass(frozen=True, slots=True)
class Parts:
    """Parts of one kind and one partition, ``n`` of them.

    Attributes:
        kind: one of :data:`SOURCES`.
        partition: where they come from.
        names: strings without repetition.
        texts: ``int64[t, n]``, places in ``names``: the source's texts.
        late_slices: ``int64[n]``; 0 for what came in time.
        windows: ``int64[n]``, epoch seconds.
        versions: ``int64[n]``; the higher one is newer.
        values: ``int64[v, n]``, the source's values.
    """

    kind: str
    partition: int
    names: list[str]
    texts: Ints
    late_slices: Ints
    windows: Ints
    versions: Ints
    values: Ints

    def __len__(self) -> int:
        return len(self.windows)

    def select(self, which: Any) -> Parts:
        """Some of them, by anything that selects from an array."""
        return replace(
            self,
            texts=self.texts[:, which],
            late_slices=self.late_slices[which],
            windows=self.windows[which],
            versions=self.versions[which],
            values=self.values[:, which],
        )

    def pieces(self, size: int) -> Iterator[Parts]:
        """So many of them at most at a time, each piece with the names that it needs."""
        for begin in range(0, len(self), size):
            piece = self.select(slice(begin, begin + size))
            used, texts = compacted(piece.texts, len(self.names))
            yield replace(piece, names=[self.names[i] for i in used.tolist()], texts=texts)

    def plain(self) -> dict[str, Any]:
        """As what JSON has; arrays stay arrays, for ``orjson`` writes them."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: np.ascontiguousarray(value) if isinstance(value, np.ndarray) else value
            for name, value in found.items()
        }

    @classmethod
    def of_plain(cls, found: Mapping[str, Any]) -> Parts:
        """What :meth:`plain` made, after its way through JSON."""
        return cls(
            kind=found["kind"],
            partition=found["partition"],
            names=found["names"],
            texts=_ints(found["texts"]),
            late_slices=_ints(found["late_slices"]),
            windows=_ints(found["windows"]),
            versions=_ints(found["versions"]),
            values=_ints(found["values"]),
        )


def _ints(values: Any) -> Ints:
    return np.array(values, dtype=np.int64)


def columns_of(table: str, rows: Sequence[Sequence[Any]] | Block) -> dict[str, Any]:
    """Rows of a table by column, as they are; nothing where there are none."""
    if not len(rows):
        return {}
    columns = rows.columns if isinstance(rows, Block) else tuple(zip(*rows, strict=True))
    return dict(zip(COLUMNS[table], columns, strict=True))


def parts_of(kind: str, columns: Mapping[str, Column | Sequence[Any]]) -> Iterator[Parts]:
    """The parts in some rows, each partition's by themselves.

    Args:
        kind: one of :data:`SOURCES`.
        columns: what the source needs of its table, at least; or nothing.

    Rows that count nothing are left out where they cannot have counted anything before: views do not
    go down.
    """
    source = SOURCES[kind]
    if not columns:
        return
    values = np.stack([_numbers(columns[name]) for name in source.values])
    partitions = _numbers(columns["kafka_partition"])
    names, texts = _coded([columns[name] for name in source.texts])
    parts = Parts(
        kind=kind,
        partition=-1,
        names=names,
        texts=texts,
        late_slices=_numbers(columns["late_slice"]),
        windows=_numbers(columns["window_start"]),
        versions=_numbers(columns["version"]),
        values=values,
    )
    counts = values.any(axis=0) if kind == "views" else np.ones(len(parts), dtype=np.bool_)
    for partition in np.unique(partitions).tolist():
        found = np.flatnonzero(counts & (partitions == partition))
        if len(found):
            yield replace(parts.select(found), partition=partition)


def _numbers(column: Column | Sequence[Any]) -> Ints:
    match column:
        case np.ndarray():
            return column
        case Repeated():
            return np.full(column.times, column.value, dtype=np.int64)
        case _:
            return _ints(column)


def _coded(columns: Sequence[Column | Sequence[str]]) -> tuple[list[str], Ints]:
    """Columns of text as places in one list of strings."""
    first = columns[0]
    if isinstance(first, Coded):
        coded = [one for one in columns if isinstance(one, Coded) and one.names is first.names]
        if len(coded) == len(columns):
            used, texts = compacted(np.stack([one.codes for one in coded]), len(first.names))
            return first.names.some(used), texts
    places: dict[str, int] = {}
    lists = [one if isinstance(one, Sequence) else one.tolist() for one in columns]
    found = [[places.setdefault(text, len(places)) for text in one] for one in lists]
    return list(places), _ints(found)
