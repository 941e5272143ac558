"""Whether the worker does its work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Health:
    """What ``/healthz`` answers.

    Attributes:
        ok: whether the worker makes progress; False answers 503, so that a supervisor restarts it.
        sentence: what is wrong, or that nothing is.
        details: whatever helps to see why; goes into the answer as it stands.
    """

    ok: bool
    sentence: str
    details: Mapping[str, str | int | float | bool | Sequence[str] | None] = field(
        default_factory=dict
    )
