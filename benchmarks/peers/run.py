"""One run of one peer: a process that reads a backlog, and what its sink noted.

The clock starts when the peer has its first record, and stops with the last flush, as its sink sees
them: starting and joining a group are no part of the time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.peers.backlog import Backlog
from benchmarks.peers.catalogue import Peer
from benchmarks.peers.environment import PeerFailed, Prepared
from benchmarks.peers.job import added_up, differences, total
from liveshop.console import Meter
from liveshop.embedded.process import Child

_POLL_S: Final = 0.1
#: Without a first flush for so long, or without an end for so long, a run is given up.
_START_S: Final = 90.0
_LONGEST_S: Final = 240.0
_LEAVE_S: Final = 5.0


class Flush(msgspec.Struct):
    """One line of the sink."""

    at_s: float
    cpu_s: float
    rows: int
    counted: int


_LINES: Final = msgspec.json.Decoder(Flush)


class _Rows(msgspec.Struct):
    counted: int
    rows: list[tuple[str, str, int, int, int, int, int, int]]


@dataclass(frozen=True, slots=True)
class Run:
    """What one run came to.

    Attributes:
        events_per_s: records of the backlog by ``seconds``.
        seconds: from the first record to the last flush.
        cpu_us_per_event: CPU time of the process in this time, all threads.
        peak_rss_mb: its largest resident memory, 10^6 bytes; 0 where there is no ``/proc``.
        rows: emitted in the whole run.
        wrong: how its totals differ from the truth; empty if they do not.
    """

    events_per_s: float
    seconds: float
    cpu_us_per_event: float
    peak_rss_mb: float
    rows: int
    wrong: str


def run_peer(
    peer: Peer,
    ready: Prepared,
    backlog: Backlog,
    job: Mapping[str, object],
    directory: Path,
    bar: Meter,
) -> Run:
    """Start a peer, wait for its end, end its process, and look at its rows.

    Args:
        peer: which one.
        ready: how to start it.
        backlog: what it reads.
        job: what it is told besides.
        directory: an empty one for the run.
        bar: shows how far it is, in records.

    Raises:
        PeerFailed: it ended by itself, or there was no end.
    """
    expected = backlog.records if peer.drains else total(backlog.truth).counted
    (directory / "job.json").write_text(
        json.dumps(
            {
                **job,
                "topics": backlog.topics,
                "directory": str(directory),
                "expected": expected,
            }
        )
    )
    told = {**ready.env, "PEERS_JOB": str(directory / "job.json")}
    with Child(peer.name, ready.command, directory / "log", told, cwd=directory) as child:
        flushes = _follow(child, directory, lambda done: bar.to(done * backlog.records / expected))
        peak_rss_mb = _peak_rss_mb(child.pid)
        child.stop(_LEAVE_S)
    found = msgspec.json.decode((directory / "rows.json").read_bytes(), type=_Rows)
    first, last = flushes[0], flushes[-1]
    return Run(
        events_per_s=backlog.records / (last.at_s - first.at_s),
        seconds=last.at_s - first.at_s,
        cpu_us_per_event=(last.cpu_s - first.cpu_s) / backlog.records * 1e6,
        peak_rss_mb=peak_rss_mb,
        rows=last.rows,
        wrong=_wrong(found, backlog, drains=peer.drains),
    )


def _wrong(found: _Rows, backlog: Backlog, *, drains: bool) -> str:
    if drains:
        missed = backlog.records - found.counted
        return f"{missed:,} of {backlog.records:,} records were not read" if missed else ""
    return differences(added_up(found.rows), backlog.truth)


def _follow(child: Child, directory: Path, progress: Callable[[int], None]) -> list[Flush]:
    """Wait for the end, and return what the sink noted."""
    began, notes = time.monotonic(), directory / "flushes.ndjson"
    while not (directory / "rows.json").exists():
        if child.exit_code is not None:
            raise PeerFailed(f"It ended with exit code {child.exit_code}: {child.tail(1).strip()}")
        flushes = _read(notes)
        patience_s = _LONGEST_S if len(flushes) > 1 else _START_S
        if time.monotonic() - began > patience_s:
            what = "did not end" if len(flushes) > 1 else "gave no row"
            raise PeerFailed(f"It {what} within {patience_s:.0f} s: {child.tail(1).strip()}")
        if flushes:
            progress(flushes[-1].counted)
        time.sleep(_POLL_S)
    return _read(notes)


def _read(notes: Path) -> list[Flush]:
    """The complete lines."""
    if not notes.exists():
        return []
    complete, _, _ = notes.read_bytes().rpartition(b"\n")
    return _LINES.decode_lines(complete)


def _peak_rss_mb(pid: int) -> float:
    """The kernel's high-water mark of a process; 0 where there is no ``/proc``."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    sizes = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(sizes[0]) * 1_024 / 1e6 if sizes else 0.0
