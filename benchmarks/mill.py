"""Records made and encoded beforehand: neither making nor encoding them is part of any figure."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Final

from benchmarks.load import LoadSpec
from liveshop.console import meter
from producers.encoding import EncodedBatch, Encoder
from producers.generator import Show
from producers.profile_files import load_profile
from producers.recount import Counter
from schemas.errors import UsageError
from schemas.truth import Truth

#: Records handed to the publisher at once, where nobody says when each is due.
CHUNK: Final = 50_000
_SHOW_EVERY: Final = 10_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records that are handed over at once.

    Attributes:
        batches: at most a few for each partition, in order.
        records: in all of them.
    """

    batches: list[EncodedBatch]
    records: int


@dataclass(frozen=True, slots=True)
class Made:
    """Encoded records, in the order in which they are sent.

    Attributes:
        chunks: what is handed over at once.
        records: in all of them.
    """

    chunks: list[Chunk]
    records: int

    def split(self, topic: str) -> tuple[Made, Made]:
        """The records of one topic, and the others."""
        return (
            self._only(lambda batch: batch.topic == topic),
            self._only(lambda batch: batch.topic != topic),
        )

    def __add__(self, more: Made) -> Made:
        """These records, and then others."""
        return Made([*self.chunks, *more.chunks], self.records + more.records)

    def _only(self, wanted: Callable[[EncodedBatch], bool]) -> Made:
        parts = ([one for one in chunk.batches if wanted(one)] for chunk in self.chunks)
        chunks = [Chunk(part, sum(one.records for one in part)) for part in parts if part]
        return Made(chunks, sum(chunk.records for chunk in chunks))


class Mill:
    """Makes the records of one show, as many as are asked for, and counts what they must come to.

    Args:
        show: the show.
        partitions: of each topic.
        spread: over how many keys each room is spread; ``None`` keeps it in one partition.
    """

    def __init__(self, show: Show, partitions: int, spread: int | None = None) -> None:
        self.records = self.bytes = 0
        self._show = show
        self._stream = show.records()
        self._encoder = Encoder(partitions, spread)
        self._counter = Counter()
        self._until_ms = show.start_ms

    def make(self, records: int, chunk: int = CHUNK) -> Made:
        """The next records of the show; about 90,000/s.

        Args:
            records: how many.
            chunk: how many are handed over at once.

        Raises:
            UsageError: the show has fewer.
        """
        return _made(self.grind(records, chunk))

    def rest(self) -> Made:
        """All records that are left of the show."""
        return _made(self.grind(None, CHUNK))

    def grind(self, records: int | None, chunk: int) -> Iterator[Chunk]:
        """What :meth:`make` or :meth:`rest` makes, piece by piece: for more than memory holds."""
        made = 0
        with no_garbage_collection(), meter("making records", records, counts=True) as bar:
            while records is None or made < records:
                wanted = chunk if records is None else min(chunk, records - made)
                added = self._add(wanted)
                yield Chunk(self._encoder.take(), added)
                bar.to(made := made + added)
                if added < wanted:
                    break
        if records is not None and made < records:
            raise UsageError(
                f"The show {self._show.name} has only {self.records:,} records.",
                "Ask for fewer with --records, or for a larger crowd with --scale.",
            )

    def _add(self, wanted: int) -> int:
        made = 0
        for record in islice(self._stream, wanted):
            made += 1
            self._counter.count(record)
            self._encoder.add((record,))
            self.bytes += len(record.value)
            self._until_ms = max(self._until_ms, record.due_ms)
        self.records += made
        return made

    def truth(self) -> Truth:
        """What every total must be once everything that was made has been sent."""
        show = self._show
        return self._counter.book.truth(
            source=show.name,
            seed=show.seed,
            scale=show.scale,
            start_ms=show.start_ms,
            end_ms=self._until_ms,
        )


def _made(chunks: Iterator[Chunk]) -> Made:
    made = list(chunks)
    return Made(made, sum(chunk.records for chunk in made))


def mill_of(spec: LoadSpec, partitions: int) -> Mill:
    """A mill for a show of a profile.

    Raises:
        UsageError: there is no such profile.
    """
    show = Show(load_profile(spec.profile), seed=spec.seed, scale=spec.scale)
    return Mill(show, partitions)


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Hold many objects without having them counted again and again."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
