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
        late_per_slice: how many late records share a slice. It bounds the late rows that stay
            open, also while the watermark stands still: an old show that is replayed into a newer
            topic is late from its first record to its last.
    """

    window_ms: int = 10_000
    allowed_lateness_ms: int = 30_000
    max_ahead_ms: int = 300_000
    dedup_ids: int = 250_000
    late_per_slice: int = 2_000

    def __post_init__(self) -> None:
        if self.window_ms <= 0 or self.window_ms % 1_000 or 60_000 % self.window_ms:
            raise ValueError(
                f"window_ms must be whole seconds and divide a minute, not {self.window_ms}"
            )
        if min(self.allowed_lateness_ms, self.max_ahead_ms) < 0:
            raise ValueError("allowed_lateness_ms and max_ahead_ms must not be negative")
        if min(self.dedup_ids, self.late_per_slice) <= 0:
            raise ValueError("dedup_ids and late_per_slice must be positive")


class Watermark:
    """The newest event time of a partition, less the allowed lateness.

    Args:
        policy: the window policy.
        newest_ms: the newest event time seen.
        late: how many late records have been placed.

    Attributes:
        now_ms: the watermark; 0 before the first record. Kept, for every record asks for it.
    """

    __slots__ = ("_lateness_ms", "_per_slice", "_window_ms", "late", "newest_ms", "now_ms")

    def __init__(self, policy: WindowPolicy, newest_ms: int = 0, late: int = 0) -> None:
        self._window_ms = policy.window_ms
        self._lateness_ms = policy.allowed_lateness_ms
        self._per_slice = policy.late_per_slice
        self.newest_ms = newest_ms
        self.now_ms = max(0, newest_ms - self._lateness_ms)
        self.late = late

    @property
    def open_slice(self) -> int:
        """The late slice that takes late records now."""
        return 1 + self.late // self._per_slice

    @property
    def closed_until_ms(self) -> int:
        """Windows that start here or earlier are closed."""
        return self.now_ms - self._window_ms

    def place(self, occurred_at_ms: int) -> tuple[int, int]:
        """Place a record, then let it advance the watermark.

        Returns:
            ``(window_ms, late_slice)``: the start of the record's window, and 0 while that window
            is open. Once it is closed, the number of the late slice that is open now, so that a
            late record never touches a closed row again.
        """
        size = self._window_ms
        window_ms = occurred_at_ms - occurred_at_ms % size
        late_slice = 0
        if window_ms + size <= self.now_ms:
            late_slice = self.open_slice
            self.late += 1
        if occurred_at_ms > self.newest_ms:
            self.newest_ms = occurred_at_ms
            self.now_ms = max(0, occurred_at_ms - self._lateness_ms)
        return window_ms, late_slice

    def is_closed(self, window_ms: int, late_slice: int) -> bool:
        """Whether no later record can be placed there any more."""
        if late_slice:
            return late_slice < self.open_slice
        return window_ms <= self.closed_until_ms
