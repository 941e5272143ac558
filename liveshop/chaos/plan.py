"""What goes wrong, and when: drawn from a seed before anything starts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from schemas.errors import UsageError


class Kind(StrEnum):
    """What can go wrong."""

    KILL_WORKER = "kill worker"  #: SIGKILL; it comes back after a while
    FREEZE_WORKER = "freeze worker"  #: SIGSTOP until its session is over, then SIGCONT: a zombie
    RESTART_BROKER = "restart broker"  #: stopped in good order, and started again
    KILL_BROKER = "kill broker"  #: SIGKILL, and started again
    KILL_STORE = "kill store"  #: SIGKILL, and started again
    ADD_WORKER = "add worker"  #: one more joins the group
    STOP_WORKER = "stop worker"  #: one leaves the group in good order, for good


@dataclass(frozen=True, slots=True)
class Amounts:
    """How many times each thing goes wrong."""

    kills: int = 20
    freezes: int = 1
    broker_restarts: int = 1
    broker_kills: int = 1
    store_kills: int = 2
    additions: int = 1
    stops: int = 1

    def kinds(self) -> Iterator[Kind]:
        """Each fault's kind."""
        yield from [Kind.KILL_WORKER] * self.kills
        yield from [Kind.FREEZE_WORKER] * self.freezes
        yield from [Kind.RESTART_BROKER] * self.broker_restarts
        yield from [Kind.KILL_BROKER] * self.broker_kills
        yield from [Kind.KILL_STORE] * self.store_kills
        yield from [Kind.ADD_WORKER] * self.additions
        yield from [Kind.STOP_WORKER] * self.stops


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        at_s: seconds from the start of the show.
        kind: what.
        lasts_s: until the opposite is done: the process started again, or thawed.
        pick: chooses the worker among those that run then, by the remainder of a division.
    """

    at_s: float
    kind: Kind
    lasts_s: float
    pick: int


#: The first figures should be there before anything goes wrong.
_CALM_S: Final = 5.0
#: Two faults are at least this part of the mean distance apart.
_LEAST_GAP: Final = 0.3
#: Closer together, the second would find nobody whom the first has left alive.
_LEAST_MEAN_S: Final = 2.0
#: Beyond the session timeout, so that the group has given up on the frozen worker.
_FREEZE_S: Final = (2.0, 5.0)
_LASTS_S: Final = {
    Kind.RESTART_BROKER: (0.0, 2.0),
    Kind.KILL_BROKER: (0.5, 3.0),
    Kind.KILL_STORE: (2.0, 8.0),
    Kind.ADD_WORKER: (0.0, 0.0),
    Kind.STOP_WORKER: (0.0, 0.0),
}
_AWAY_S: Final = (1.0, 5.0)


def draw_plan(
    seed: int, duration_s: float, amounts: Amounts, session_timeout_s: float
) -> tuple[Fault, ...]:
    """Draw the faults of a show, in order of time. The same arguments give the same plan.

    Everything is over before the show is, and workers join before others leave.

    Raises:
        UsageError: there is not enough time for so many.
    """
    rng = random.Random(f"chaos {seed}")  # noqa: S311 - faults, not secrets
    kinds = _arrange(rng, list(amounts.kinds()))
    longest_s = (
        session_timeout_s + _FREEZE_S[1] if amounts.freezes else _LASTS_S[Kind.KILL_STORE][1]
    )
    span_s = duration_s - _CALM_S - longest_s
    if span_s < _LEAST_MEAN_S * len(kinds):
        raise UsageError(
            f"{len(kinds)} faults do not fit into a show of {duration_s:.0f} s.",
            f"Give --duration {_CALM_S + longest_s + _LEAST_MEAN_S * len(kinds):.0f} or more, "
            "or fewer --kills.",
        )
    moments = _moments(rng, len(kinds), span_s)
    return tuple(
        Fault(
            round(_CALM_S + moment, 2),
            kind,
            round(_lasts_s(rng, kind, session_timeout_s), 2),
            rng.randrange(60),
        )
        for moment, kind in zip(moments, kinds, strict=True)
    )


def _arrange(rng: random.Random, kinds: list[Kind]) -> list[Kind]:
    rng.shuffle(kinds)
    membership = (Kind.ADD_WORKER, Kind.STOP_WORKER)
    places = [place for place, kind in enumerate(kinds) if kind in membership]
    in_order = sorted((kinds[place] for place in places), key=membership.index)
    for place, kind in zip(places, in_order, strict=True):
        kinds[place] = kind
    return kinds


def _moments(rng: random.Random, count: int, span_s: float) -> list[float]:
    """Random moments, neither even nor on top of each other."""
    gap_s = _LEAST_GAP * span_s / max(1, count)
    free_s = span_s - gap_s * max(0, count - 1)
    drawn = sorted(rng.uniform(0.0, free_s) for _ in range(count))
    return [moment + gap_s * place for place, moment in enumerate(drawn)]


def _lasts_s(rng: random.Random, kind: Kind, session_timeout_s: float) -> float:
    if kind is Kind.KILL_WORKER:
        return rng.choice((0.0, rng.uniform(*_AWAY_S)))
    if kind is Kind.FREEZE_WORKER:
        return session_timeout_s + rng.uniform(*_FREEZE_S)
    return rng.uniform(*_LASTS_S[kind])


def closest_s(plan: tuple[Fault, ...]) -> float:
    """The shortest time between two faults; infinite for fewer than two."""
    return min((b.at_s - a.at_s for a, b in pairwise(plan)), default=float("inf"))
