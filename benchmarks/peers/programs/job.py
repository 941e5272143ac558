"""What a peer is told: a file, named by ``PEERS_JOB``."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: Length of the tumbling windows, event time.
WINDOW_MS: Final = 10_000
#: How often updated rows are emitted.
EMIT_EVERY_S: Final = 1.0
#: For systems that drop what is too late: longer than any event is held back.
LATENESS_MS: Final = 3_600_000


@dataclass(frozen=True)
class Job:
    """One run.

    Attributes:
        brokers: ``host:port``.
        topics: with clicks, likes and purchases, in this order.
        partitions_each: of every topic; a room is in the partition of the same number in each.
        group: a consumer group that nobody has used yet.
        directory: for what the run leaves behind; state that a system keeps on disk as well.
        expected: when the sink has counted so much, everything has arrived.
    """

    brokers: str
    topics: tuple[str, ...]
    partitions_each: int
    group: str
    directory: Path
    expected: int

    @property
    def partitions(self) -> list[tuple[str, int]]:
        """All partitions, as (topic, number)."""
        return [(topic, number) for topic in self.topics for number in range(self.partitions_each)]


def read_job() -> Job:
    """The job of this process."""
    told = json.loads(Path(os.environ["PEERS_JOB"]).read_bytes())
    return Job(
        brokers=told["brokers"],
        topics=tuple(told["topics"]),
        partitions_each=told["partitions_each"],
        group=told["group"],
        directory=Path(told["directory"]),
        expected=told["expected"],
    )
