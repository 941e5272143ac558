"""Who takes part. ``docs/benchmarks.md`` says why each is written as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_PROGRAMS: Final = "benchmarks.peers.programs"


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to do the job.

    Attributes:
        name: on the command line and in results.
        share: of the whole backlog that it reads, so that a run takes some 10 to 30 s; with 1, it
            reads the very topics that Liveshop reads.
        module: its program; empty for the one in Java.
        package: whose version is shown.
        lock: name of a lock file, for an environment of its own; empty for the project's.
        drains: it reads and counts, and does not do the job.
    """

    name: str
    share: float
    module: str = ""
    package: str = ""
    lock: str = ""
    drains: bool = False

    def records(self, most: int) -> int:
        """How many records it reads of a backlog of ``most``."""
        return max(1, round(most * self.share))


LIVESHOP: Final = Peer("liveshop", 1.0, "benchmarks.peers.liveshop_worker", "liveshop")

PEERS: Final = (
    LIVESHOP,
    Peer("faust", 1 / 96, f"{_PROGRAMS}.faust_app", "faust-streaming", "faust"),
    Peer("quix-streams", 1 / 12, f"{_PROGRAMS}.quix_app", "quixstreams", "quix"),
    Peer("bytewax", 1 / 2, f"{_PROGRAMS}.bytewax_flow", "bytewax", "bytewax"),
    Peer("pathway", 1 / 4, f"{_PROGRAMS}.pathway_graph", "pathway", "pathway"),
    Peer("kafka-streams", 1 / 2),
    Peer("bare-python", 1 / 2, f"{_PROGRAMS}.bare_python", "aiokafka"),
    Peer("aiokafka-drain", 1.0, f"{_PROGRAMS}.aiokafka_drain", "aiokafka", drains=True),
    Peer(
        "librdkafka-drain",
        1.0,
        f"{_PROGRAMS}.librdkafka_drain",
        "confluent-kafka",
        "bytewax",
        drains=True,
    ),
)
