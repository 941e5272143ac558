"""Records made beforehand and kept on disk: for loads that are too long for memory.

One frame per slice of time, which is what an open-loop sender hands over at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.load import LoadSpec
from liveshop.console import meter
from producers.generator import Show
from producers.profile_files import load_profile
from producers.record import Kind, OutRecord
from producers.recount import Counter
from schemas.errors import UsageError
from schemas.topics import EVENT_TOPICS
from schemas.truth import Truth

_TOPICS: Final = [topic.name for topic in EVENT_TOPICS]
_LENGTH_BYTES: Final = 8

#: Number of the topic, key, value.
_Frame = list[tuple[int, bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Spool:
    """Records in the order in which they are sent, and what their totals must be.

    Attributes:
        path: the file; it belongs to whoever named it.
        records: how many.
        bytes: size of their values.
        truth: counted by the producers, from what they intended to send.
    """

    path: Path
    records: int
    bytes: int
    truth: Truth

    def frames(self) -> Iterator[list[OutRecord]]:
        """The slices, one after the other; some 2,000,000 records/s."""
        decoder = msgspec.msgpack.Decoder(_Frame)
        with self.path.open("rb") as file:
            while length := int.from_bytes(file.read(_LENGTH_BYTES)):
                frame = decoder.decode(file.read(length))
                yield [
                    OutRecord(0, _TOPICS[topic], key, value, Kind.RECORDED, None)
                    for topic, key, value in frame
                ]


def write_spool(path: Path, spec: LoadSpec, frame_records: int) -> Spool:
    """Make a load and write it to ``path``; about 100,000 records/s, 200 bytes each.

    Args:
        path: overwritten.
        spec: which records.
        frame_records: how many are handed over at once.

    Raises:
        UsageError: there is no such profile, the show has fewer records, or the disk is full.
    """
    show = Show(load_profile(spec.profile), seed=spec.seed, scale=spec.scale)
    counter = Counter()
    numbers = {name: number for number, name in enumerate(_TOPICS)}
    records = islice(show.records(), spec.records)
    encoder = msgspec.msgpack.Encoder()
    size = end_ms = 0
    try:
        with path.open("wb") as file, meter("making records", spec.records, counts=True) as bar:
            while chunk := list(islice(records, frame_records)):
                for record in chunk:
                    counter.count(record)
                frame = [(numbers[one.topic], one.key, one.value) for one in chunk]
                size += sum(len(value) for _, _, value in frame)
                end_ms = max(end_ms, *(one.due_ms for one in chunk))
                packed = encoder.encode(frame)
                file.write(len(packed).to_bytes(_LENGTH_BYTES) + packed)
                bar.to(counter.book.sent.records)
    except OSError as error:
        raise UsageError(
            f"The records cannot be written to {path}: {error.strerror or error}.",
            "They take 200 bytes each; name a directory with room for them in TMPDIR.",
        ) from error
    if (made := counter.book.sent.records) < spec.records:
        raise UsageError(
            f"The show {spec.profile} has only {made:,} records, {spec.records:,} are needed.",
            "Ask for a larger crowd with --scale, for fewer minutes, or for a lower rate.",
        )
    truth = counter.book.truth(
        source=show.name, seed=show.seed, scale=show.scale, start_ms=show.start_ms, end_ms=end_ms
    )
    return Spool(path, made, size, truth)
