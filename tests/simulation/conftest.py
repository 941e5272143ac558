"""What is tiny in the simulation, so that its limits are met all the time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="package")
def tiny_filter() -> Iterator[None]:
    """Let the filter take every order for an old one as soon as one is forgotten."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streams.filter._BITS", 8)
        patch.setattr("streams.filter._PROBES", 8)
        yield
