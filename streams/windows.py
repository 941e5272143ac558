"""Event time: the window policy and the watermark of one partition.

Both are functions of the records in offset order, never of the clock or of batch boundaries, so
that a replay classifies every record as the first run did.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WindowPolicy:
    """How event time is cut.

    Attributes:
        window_ms: length of the tumbling base window; whole seconds, and a divisor of a minute.
        allowed_lateness_ms: how far the watermark stays behind the newest event time.
        max_ahead_ms: a record further than this ahead of its broker timestamp is quarantined.
        dedup_ids: how many accepted ids a partition remembers at least (and twice that at most).
    """

    window_ms: int = 10_000
    allowed_lateness_ms: int = 30_000
    max_ahead_ms: int = 300_000
    dedup_ids: int = 250_000

    def __post_init__(self) -> None:
        if self.window_ms <= 0 or self.window_ms % 1_000 or 60_000 % self.window_ms:
            raise ValueError(
                f"window_ms must be whole seconds and divide a minute, not {self.window_ms}"
            )
        if min(self.allowed_lateness_ms, self.max_ahead_ms) < 0 or self.dedup_ids <= 0:
            raise ValueError(
                "allowed_lateness_ms and max_ahead_ms must not be negative, dedup_ids not 0"
            )


class Watermark:
    """The newest event time of a partition, less the allowed lateness."""

    __slots__ = ("_lateness_ms", "_window_ms", "newest_ms")

    def __init__(self, policy: WindowPolicy, newest_ms: int = 0) -> None:
        self._window_ms = policy.window_ms
        self._lateness_ms = policy.allowed_lateness_ms
        self.newest_ms = newest_ms

    @property
    def now_ms(self) -> int:
        """The watermark; 0 before the first record."""
        return max(0, self.newest_ms - self._lateness_ms)

    def place(self, occurred_at_ms: int) -> tuple[int, int]:
        """Place a record, then let it advance the watermark.

        Returns:
            ``(window_ms, slice_ms)``: the start of the record's window, and 0 while that window
            is open; once it is closed, the window that the watermark is in, so that a late record
            lands in a slice of its own and a closed row is never touched again.
        """
        size = self._window_ms
        window_ms = occurred_at_ms - occurred_at_ms % size
        now_ms = self.now_ms
        slice_ms = now_ms - now_ms % size if window_ms + size <= now_ms else 0
        if occurred_at_ms > self.newest_ms:
            self.newest_ms = occurred_at_ms
        return window_ms, slice_ms

    def is_closed(self, window_ms: int, slice_ms: int) -> bool:
        """Whether no later record can be placed there any more."""
        now_ms = self.now_ms
        if slice_ms:
            return slice_ms < now_ms - now_ms % self._window_ms
        return window_ms + self._window_ms <= now_ms
