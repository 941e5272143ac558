"""How often a run looks for its end."""

from __future__ import annotations

import pytest

from benchmarks.rig import _pause_s


@pytest.mark.parametrize(
    ("left", "done", "elapsed_s", "pause_s"),
    [
        (1_000_000, 0, 0.0, 0.1),  # Nothing is known yet.
        (900_000, 100_000, 1.0, 1.0),  # Nine seconds are left: far.
        (100_000, 900_000, 9.0, 0.5),  # One second is left.
        (1_000, 999_000, 10.0, 0.1),  # Near.
    ],
)
def test_the_end_is_looked_for_more_often_when_it_is_near(
    left: int, done: int, elapsed_s: float, pause_s: float
) -> None:
    assert _pause_s(left, done, elapsed_s) == pytest.approx(pause_s)
