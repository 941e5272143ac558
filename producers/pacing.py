"""Open-loop pacing: when a record is to be sent, as a function of its due time alone.

The schedule never waits for the system and is never moved: a sender that cannot keep up is behind,
by an amount that is measured and reported, just as real viewers would not wait for a slow worker.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.errors import UsageError


@dataclass(frozen=True, slots=True)
class Schedule:
    """When each record of a replay is to be sent.

    Attributes:
        speed: seconds of event time per second of wall time; ``None`` or 0 for as fast as
            possible.
        rate: records per second, evenly; overrides ``speed``.

    Raises:
        UsageError: a number is negative, or no number.
    """

    speed: float | None = None
    rate: float | None = None

    def __post_init__(self) -> None:
        for name, number in (("speed", self.speed), ("rate", self.rate)):
            if number is not None and not 0 <= number < float("inf"):
                raise UsageError(
                    f"The {name} {number:g} is not a number from 0 up.",
                    "Leave it out, or give 0, for as fast as possible.",
                )

    @property
    def is_paced(self) -> bool:
        """Whether there is any waiting at all."""
        return bool(self.rate or self.speed)

    def send_at_s(self, due_ms: int, position: int, start_ms: int) -> float:
        """Seconds from the start of the replay to the moment at which a record is to be sent.

        Args:
            due_ms: event time at which the record is due.
            position: how many records come before it.
            start_ms: event time of the first moment.
        """
        if self.rate:
            return position / self.rate
        if self.speed:
            return (due_ms - start_ms) / (1000 * self.speed)
        return 0.0

    def behind_ms(self, due_ms: int, position: int, start_ms: int, elapsed_s: float) -> float:
        """How much too late a record is when it is sent ``elapsed_s`` after the start.

        Always 0 without pacing: there is nothing to be late for.
        """
        if not self.is_paced:
            return 0.0
        late_s = elapsed_s - self.send_at_s(due_ms, position, start_ms)
        return max(0.0, 1000 * late_s)

    def until_ms(self, duration_s: float | None, start_ms: int, default_speed: float) -> int | None:
        """Event time at which a replay of so many wall seconds stops; ``None`` for no limit.

        As fast as possible, it is the same part of the show that the source's own speed would
        reach, so that a benchmark sends what a demo sends. At a rate, records are counted
        instead: see :meth:`most_records`.
        """
        if duration_s is None or self.rate:
            return None
        return start_ms + round(duration_s * 1000 * (self.speed or default_speed))

    def most_records(self, duration_s: float | None) -> int | None:
        """How many records a replay of so many wall seconds sends at most; ``None`` for no limit."""
        if duration_s is None or not self.rate:
            return None
        return round(duration_s * self.rate)
