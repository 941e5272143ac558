"""What is tiny in the simulation, so that its limits are met all the time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="package")
def tiny_filter() -> Iterator[None]:
    """Let the filter of old orders mistake new ones for old all the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streams.filter._BITS", 8)
        yield
