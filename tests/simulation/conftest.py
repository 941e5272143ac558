"""What is special in the simulation, for all of its tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation.world import tiny_and_quiet


@pytest.fixture(autouse=True, scope="package")
def small_world() -> Iterator[None]:
    """Limits are met all the time, and nothing is logged."""
    with tiny_and_quiet():
        yield
