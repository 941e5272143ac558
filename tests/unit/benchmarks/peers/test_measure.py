"""Rounds, rows of the result, and what is said about those who fail."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.load import LoadSpec, WrongTotals
from benchmarks.peers import environment, measure
from benchmarks.peers.backlog import Backlog
from benchmarks.peers.catalogue import LIVESHOP, PEERS, Peer
from benchmarks.peers.environment import PeerFailed, Prepared, prepare
from benchmarks.peers.job import Figures
from benchmarks.peers.run import Run
from benchmarks.result import Case
from schemas.errors import UsageError

TRUTH = {("r", "p", 0): Figures(500, 1, 2, 0, 3), ("r", "", 0): Figures(likes=40)}
READY = Prepared([], {}, "1.2.3")
FAUST = next(peer for peer in PEERS if peer.name == "faust")
DRAIN = next(peer for peer in PEERS if peer.drains)


def a_run(rate: float, wrong: str = "") -> Run:
    return Run(rate, 10.0, 5.0, 100.0, 1_000, wrong)


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[measure.Outcome]]:
    """What each peer's runs come to, one after the other; nothing is started."""
    found: dict[str, list[measure.Outcome]] = {}

    class NoKafka:
        def __init__(self, directory: Path) -> None:
            self.address = "nowhere"

        def __enter__(self) -> NoKafka:
            return self

        def __exit__(self, *error: object) -> None:
            pass

    async def publish(
        brokers: str, spec: LoadSpec, sizes: set[int], partitions: int
    ) -> dict[int, Backlog]:
        return {size: Backlog(("a", "b", "c"), size, 200, TRUTH) for size in sizes}

    def run_peer(peer: Peer, *arguments: object) -> Run:
        outcome = found[peer.name].pop(0)
        if isinstance(outcome, PeerFailed):
            raise outcome
        return outcome

    monkeypatch.setattr(measure, "KafkaServer", NoKafka)
    monkeypatch.setattr(measure, "publish", publish)
    monkeypatch.setattr(measure, "run_peer", run_peer)
    monkeypatch.setattr(measure, "prepare", lambda peer: READY)
    return found


def cases(*peers: Peer, runs: int) -> dict[str, Case]:
    return measure.measure(LoadSpec("boutique", 1, 1.0, 96_000), peers, 4, runs)


def test_the_ratio_is_taken_round_by_round(outcomes: dict[str, list[measure.Outcome]]) -> None:
    outcomes["liveshop"] = [a_run(1_000.0), a_run(3_000.0)]
    outcomes["faust"] = [a_run(10.0), a_run(10.0)]
    found = cases(LIVESHOP, FAUST, runs=2)
    assert found["liveshop"].ratios["of_faust"].runs == [100.0, 300.0]
    assert found["faust"].ratios == {}, "a peer's own speed is nobody's regression"
    assert found["faust"].events == 1_000, "a slow peer reads less"
    assert found["faust"].checks["runs_with_right_totals"] == 2
    assert found["faust"].note == "1.2.3"


def test_wrong_totals_are_said_in_the_row(outcomes: dict[str, list[measure.Outcome]]) -> None:
    outcomes["faust"] = [a_run(10.0), a_run(10.0, "1 of 2 windows differ: orders 2 of 1")]
    case = cases(FAUST, runs=2)["faust"]
    assert case.checks["runs"] == 2
    assert case.checks["runs_with_right_totals"] == 1
    assert case.note == "1.2.3; 1 of 2 runs: 1 of 2 windows differ: orders 2 of 1"


def test_who_fails_has_no_figure_and_stops_nobody(
    outcomes: dict[str, list[measure.Outcome]],
) -> None:
    failure = PeerFailed("It ended with exit code 1")
    outcomes["liveshop"] = [a_run(1_000.0), a_run(1_000.0)]
    outcomes["faust"] = [failure, failure]
    found = cases(LIVESHOP, FAUST, runs=2)
    assert found["faust"].figures == {}
    assert found["faust"].note == "1.2.3; 2 of 2 runs: failed: It ended with exit code 1."
    assert found["liveshop"].ratios == {}
    assert found["liveshop"].figures["events_per_s"].median == 1_000.0


def test_who_cannot_be_had_says_why(
    outcomes: dict[str, list[measure.Outcome]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(peer: Peer) -> Prepared:
        raise PeerFailed("There is no mvn on this machine")

    monkeypatch.setattr(measure, "prepare", missing)
    assert cases(FAUST, runs=1)["faust"].note.endswith("failed: There is no mvn on this machine.")


def test_our_own_wrong_totals_are_no_result(outcomes: dict[str, list[measure.Outcome]]) -> None:
    outcomes["liveshop"] = [a_run(1_000.0, "2 of 2 windows differ")]
    with pytest.raises(WrongTotals, match="2 of 2 windows differ"):
        cases(LIVESHOP, runs=1)


def test_a_drain_claims_no_totals(outcomes: dict[str, list[measure.Outcome]]) -> None:
    outcomes[DRAIN.name] = [a_run(1_000.0)]
    assert cases(DRAIN, runs=1)[DRAIN.name].checks == {"runs": 1, "runs_with_right_totals": 0}


def test_each_round_begins_with_another_peer() -> None:
    rounds = list(measure._rounds(PEERS, 3))
    assert [peer for _, peer in rounds[:: len(PEERS)]] == list(PEERS[:3])
    assert Counter(peer.name for _, peer in rounds) == {peer.name: 3 for peer in PEERS}
    assert [number for number, _ in rounds[:: len(PEERS)]] == [1, 2, 3]


def test_an_unknown_peer_is_a_sentence() -> None:
    with pytest.raises(UsageError, match="no peer flink"):
        measure.chosen(["faust", "flink"])
    assert measure.chosen([]) == list(PEERS)


def test_a_missing_tool_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr(environment, "_CACHE", tmp_path)
    java = next(peer for peer in PEERS if not peer.module)
    with pytest.raises(PeerFailed, match="There is no java on this machine"):
        prepare(java)


@pytest.mark.parametrize("peer", [peer for peer in PEERS if peer.lock], ids=lambda peer: peer.name)
def test_a_lock_file_pins_the_peer_and_hashes_everything(peer: Peer) -> None:
    folder = Path(environment.__file__).parent / "programs" / "requirements"
    lock = (folder / f"{peer.lock}.txt").read_text()
    assert environment._pinned(lock, peer.package) in (folder / f"{peer.lock}.in").read_text()
    pins = [line for line in lock.splitlines() if "==" in line and not line.startswith(" ")]
    assert all(line.endswith("\\") for line in pins), "a hash follows each of them"


def test_names_are_different() -> None:
    assert all(one.name != other.name for one, other in itertools.combinations(PEERS, 2))
