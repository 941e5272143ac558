"""Rounds of runs: in each, everybody runs once, and another one begins."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.load import LoadSpec, WrongTotals
from benchmarks.peers.backlog import Backlog, publish
from benchmarks.peers.catalogue import LIVESHOP, PEERS, Peer
from benchmarks.peers.environment import PeerFailed, Prepared, prepare
from benchmarks.peers.job import total
from benchmarks.peers.run import Run, run_peer
from benchmarks.result import Case, Spread
from benchmarks.scratch import scratch
from liveshop.console import meter
from liveshop.embedded.kafka_server import KafkaServer
from schemas.errors import UsageError

#: One run of a peer, or why there was none.
Outcome = Run | PeerFailed


def chosen(names: Sequence[str]) -> list[Peer]:
    """The peers of these names, in the catalogue's order; all of them for none.

    Raises:
        UsageError: there is no such peer.
    """
    known = {peer.name: peer for peer in PEERS}
    for name in names:
        if name not in known:
            raise UsageError(f"There is no peer {name}.", f"Name one of {', '.join(known)}.")
    return [peer for peer in PEERS if not names or peer.name in names]


def measure(spec: LoadSpec, peers: Sequence[Peer], partitions: int, runs: int) -> dict[str, Case]:
    """Measure everybody ``runs`` times on one broker, a real Kafka.

    Raises:
        Unavailable: there is no Kafka on this machine.
        WrongTotals: Liveshop's own totals are not the truth's. Those of others are noted.
    """
    ready = {peer: _prepared(peer) for peer in peers}
    outcomes: dict[Peer, list[Outcome]] = {peer: [] for peer in peers}
    with scratch("liveshop-peers-") as root, KafkaServer(root / "kafka") as kafka:
        sizes = {peer.records(spec.records) for peer in peers}
        backlogs = asyncio.run(publish(kafka.address, spec, sizes, partitions))
        for number, peer in _rounds(peers, runs):
            place = root / f"{peer.name}-{number}"
            place.mkdir()
            job = {
                "brokers": kafka.address,
                "partitions_each": partitions,
                "group": place.name,
            }
            backlog = backlogs[peer.records(spec.records)]
            title = f"run {number}/{runs}: {peer.name}"
            outcomes[peer].append(_run(peer, ready[peer], backlog, job, place, title))
    cases = {
        peer.name: _case(peer, ready[peer], outcomes[peer], backlogs[peer.records(spec.records)])
        for peer in peers
    }
    if LIVESHOP in outcomes:
        cases[LIVESHOP.name].ratios = {
            f"of_{peer.name}": Spread.of(ratios)
            for peer in peers
            if peer is not LIVESHOP and (ratios := _ratios(outcomes[LIVESHOP], outcomes[peer]))
        }
    return cases


def _rounds(peers: Sequence[Peer], runs: int) -> Iterator[tuple[int, Peer]]:
    """(number of the round from 1, peer); each round begins with another one."""
    for number in range(runs):
        first = number % len(peers)
        for peer in (*peers[first:], *peers[:first]):
            yield number + 1, peer


def _prepared(peer: Peer) -> Prepared | PeerFailed:
    try:
        return prepare(peer)
    except PeerFailed as failure:
        return failure


def _run(
    peer: Peer,
    ready: Prepared | PeerFailed,
    backlog: Backlog,
    job: Mapping[str, object],
    directory: Path,
    title: str,
) -> Outcome:
    if isinstance(ready, PeerFailed):
        return ready
    with meter(title, backlog.records, counts=True) as bar:
        try:
            run = run_peer(peer, ready, backlog, job, directory, bar)
        except PeerFailed as failure:
            return failure
    if peer is LIVESHOP and run.wrong:
        raise WrongTotals(f"Liveshop's totals are wrong: {run.wrong}.")
    return run


def _case(
    peer: Peer, ready: Prepared | PeerFailed, outcomes: Sequence[Outcome], backlog: Backlog
) -> Case:
    """One row; where a run failed or counted wrongly, its note says so."""
    done = [outcome for outcome in outcomes if isinstance(outcome, Run)]
    figures: dict[str, list[float]] = {
        "events_per_s": [run.events_per_s for run in done],
        "seconds": [run.seconds for run in done],
        "cpu_us_per_event": [run.cpu_us_per_event for run in done],
        "peak_rss_mb": [run.peak_rss_mb for run in done],
        "rows": [run.rows for run in done],
    }
    truth = total(backlog.truth)
    right = [run for run in done if not run.wrong and not peer.drains]
    return Case(
        events=backlog.records,
        bytes=backlog.bytes,
        figures={name: Spread.of(values) for name, values in figures.items() if values},
        ratios={},
        checks={
            "runs": len(done),
            "runs_with_right_totals": len(right),
            **({"windows": len(backlog.truth), **truth._asdict()} if right else {}),
        },
        note="; ".join([*_version(ready), *_complaints(outcomes)]),
    )


def _version(ready: Prepared | PeerFailed) -> list[str]:
    return [ready.version] if isinstance(ready, Prepared) else []


def _complaints(outcomes: Sequence[Outcome]) -> list[str]:
    """What went wrong, each thing once."""
    found = Counter(
        f"failed: {outcome.sentence}" if isinstance(outcome, PeerFailed) else outcome.wrong
        for outcome in outcomes
    )
    del found[""]
    runs = len(outcomes)
    return [f"{count} of {runs} runs: {what}" for what, count in found.items()]


def _ratios(ours: Sequence[Outcome], theirs: Sequence[Outcome]) -> list[float]:
    """Our rate by theirs, round by round."""
    return [
        our.events_per_s / their.events_per_s
        for our, their in zip(ours, theirs, strict=True)
        if isinstance(our, Run) and isinstance(their, Run)
    ]
