"""The record of a chaos run: what was planned, what happened, and what came of it."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import msgspec

from liveshop.chaos.fleet import Exit
from liveshop.chaos.plan import Fault, Kind
from liveshop.chaos.timeline import Happening, Outage, Recovery, Sample
from liveshop.reconcile import Reconciliation


@dataclass(frozen=True, slots=True)
class Recoveries:
    """How long several recoveries took.

    Attributes:
        count: of how many kills; without those of workers that held nothing.
        median_s: seconds.
        max_s: seconds.
    """

    count: int
    median_s: float
    max_s: float

    @classmethod
    def of(cls, each: Iterable[float | None]) -> Self | None:
        """Of some recoveries; those without an end are left out. ``None`` for none."""
        seconds = [one for one in each if one is not None]
        if not seconds:
            return None
        return cls(len(seconds), round(statistics.median(seconds), 2), max(seconds))


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
        outages: when broker, store or a member of the group was missing.
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
    outages: Sequence[Outage]
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

    @property
    def raw(self) -> Recoveries | None:
        """From kill to recovery, whatever else went wrong meanwhile."""
        return Recoveries.of(one.seconds for one in self.recoveries)

    @property
    def undisturbed(self) -> Recoveries | None:
        """The same without the time in which another fault stood in the way."""
        return Recoveries.of(one.undisturbed_s for one in self.recoveries)

    @property
    def alone(self) -> Recoveries | None:
        """Only the kills that no other fault came near."""
        return Recoveries.of(one.seconds for one in self.recoveries if one.alone)

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
                "raw": self.raw,
                "undisturbed": self.undisturbed,
                "alone": self.alone,
                "each": self.recoveries,
            },
            "outages": self.outages,
            "unexpected_exits": self.exits,
            "farewell_exit_codes": self.farewells,
            "replay_s": round(self.replay_s, 2),
            "drain_s": round(self.drain_s, 2),
            "plan": self.plan,
            "happenings": self.happenings,
            "samples": {name: [getattr(one, name) for one in self.samples] for name in names},
            "proof": self.proof,
        }
