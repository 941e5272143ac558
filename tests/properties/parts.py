"""Single parts, for tests to write down; and what they are as columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, NamedTuple

from streams.parts import SOURCES, Parts, parts_of


class Part(NamedTuple):
    """One absolute part. For sales ``subject`` is a KOL, for views a room.

    ``key`` tells parts of the same subject and window apart: first the partition, then anything, and
    the late slice last, ``0`` for what came in time. Without a number at its end it is late.
    """

    kind: str
    subject: str
    currency: str
    window: int
    key: str
    version: int
    values: tuple[int, ...]

    @property
    def partition(self) -> int:
        """The partition that it is a part of."""
        return int(self.key.split("/")[0])

    @property
    def late_slice(self) -> int:
        """The slice that it is of."""
        last = self.key.rsplit("/")[-1]
        return int(last) if last.isdigit() else 1


def as_columns(parts: Iterable[Part]) -> Iterator[Parts]:
    """The same parts in the same order: those that follow each other become one run of columns."""
    for (kind, _), run in groupby(parts, lambda part: (part.kind, part.partition)):
        yield from parts_of(kind, _columns(kind, list(run)))


def _columns(kind: str, parts: list[Part]) -> Mapping[str, list[Any]]:
    source = SOURCES[kind]
    rows = [
        {
            **dict.fromkeys(source.texts, ""),
            source.texts[0]: part.subject,
            source.texts[-1]: part.key,
            **({"currency": part.currency} if kind == "sales" else {}),
            **dict(zip(source.values, part.values, strict=True)),
            "late_slice": part.late_slice,
            "window_start": part.window,
            "version": part.version,
            "kafka_partition": part.partition,
        }
        for part in parts
    ]
    return {name: [row[name] for row in rows] for name in source.columns}


def rows_in(parts: Parts) -> Iterator[tuple[tuple[Any, ...], int, tuple[int, ...]]]:
    """What tells each part apart, its version and its values."""
    texts = [[parts.names[place] for place in row] for row in parts.texts.tolist()]
    for *name, late_slice, window, version, values in zip(
        *texts,
        parts.late_slices.tolist(),
        parts.windows.tolist(),
        parts.versions.tolist(),
        zip(*parts.values.tolist(), strict=True),
        strict=True,
    ):
        yield (parts.kind, parts.partition, *name, late_slice, window), version, values
