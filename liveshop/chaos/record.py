"""The record of a chaos run: what was planned, what happened, and what came of it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from liveshop.chaos.fleet import Exit
from liveshop.chaos.plan import Fault, Kind
from liveshop.chaos.timeline import Happening, Recovery, Sample, seconds_of
from liveshop.reconcile import Reconciliation


@dataclass(frozen=True, slots=True)
class Record:
    """A run from beginning to end.

    Attributes:
        profile, seed, scale, duration_s, workers: what was asked for.
        events: distinct events that were sent.
        purchases: paid orders among them.
        records: everything that was sent, copies and garbage included.
        sent_duplicates: copies that the producer sent on purpose.
        plan: the faults that were drawn.
        happenings: what became of them.
        samples: one a second.
        recoveries: one for each worker that was killed.
        exits: ends that nobody asked for.
        farewells: exit codes of the workers at the end.
        replay_s: wall seconds of the show.
        drain_s: wall seconds from its end until everything was in the store.
        proof: the store against the truth.
        directory: what the run left behind.
    """

    profile: str
    seed: int
    scale: float
    duration_s: float
    workers: int
    events: int
    purchases: int
    records: int
    sent_duplicates: int
    plan: Sequence[Fault]
    happenings: Sequence[Happening]
    samples: Sequence[Sample]
    recoveries: Sequence[Recovery]
    exits: Sequence[Exit]
    farewells: Sequence[int]
    replay_s: float
    drain_s: float
    proof: Reconciliation
    directory: Path

    @property
    def kills(self) -> int:
        """How many workers were killed."""
        return sum(one.fault is Kind.KILL_WORKER for one in self.happenings)

    def recovery_s(self, *, alone: bool = False) -> tuple[float, float] | None:
        """Median and longest recovery; ``alone`` as in :class:`Recovery`."""
        seconds = seconds_of(self.recoveries, alone=alone)
        return (round(statistics.median(seconds), 2), seconds[-1]) if seconds else None

    def to_json(self) -> bytes:
        """Everything, for machines: a line per member, the samples in columns."""
        return msgspec.json.encode(self._document()) + b"\n"

    def _document(self) -> dict[str, Any]:
        names = Sample.__dataclass_fields__
        return {
            "line": self.proof.line(),
            "reconciled": self.proof.is_exact,
            "profile": self.profile,
            "seed": self.seed,
            "scale": self.scale,
            "duration_s": self.duration_s,
            "workers": self.workers,
            "events": self.events,
            "purchases": self.purchases,
            "records": self.records,
            "sent_duplicates": self.sent_duplicates,
            "kills": self.kills,
            "recovery": {
                "all": _median_and_longest(self.recovery_s()),
                "alone": _median_and_longest(self.recovery_s(alone=True)),
                "each": self.recoveries,
            },
            "unexpected_exits": self.exits,
            "farewell_exit_codes": self.farewells,
            "replay_s": round(self.replay_s, 2),
            "drain_s": round(self.drain_s, 2),
            "plan": self.plan,
            "happenings": self.happenings,
            "samples": {name: [getattr(one, name) for one in self.samples] for name in names},
            "proof": self.proof,
        }


def _median_and_longest(seconds: tuple[float, float] | None) -> dict[str, float] | None:
    return None if seconds is None else {"median_s": seconds[0], "max_s": seconds[1]}
