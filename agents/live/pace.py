"""Spend at most a given share of the time on a question, however slow its answer becomes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Paced(Generic[T]):
    """The last answer, asked for again when it is old enough and its cost allows it.

    Args:
        ask: computes the answer; may block; what it raises passes through and is tried again.
        every_s: how old an answer may become at least, in seconds.
        share: of the time, at most this fraction goes into asking (0 < share ≤ 1).
        clock: monotonic seconds.
    """

    def __init__(
        self,
        ask: Callable[[], T],
        *,
        every_s: float,
        share: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._every_s = every_s
        self._share = share
        self._clock = clock
        self._answer: tuple[T] | None = None
        self._due_at = clock()

    def get(self) -> T:
        """Return the answer, computing it now if it is due."""
        started = self._clock()
        if self._answer is None or started >= self._due_at:
            self._answer = (self._ask(),)
            cost_s = self._clock() - started
            self._due_at = started + max(self._every_s, cost_s / self._share)
        return self._answer[0]

    def forget(self) -> None:
        """Ask again at the next ``get``."""
        self._answer = None
