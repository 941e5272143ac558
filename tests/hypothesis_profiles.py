"""How far Hypothesis looks; ``HYPOTHESIS_PROFILE`` names one of these profiles."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings


def load() -> None:
    """Make the profiles known, and use the one that the environment names."""
    # A busy machine is no failure: examples have no deadline.
    settings.register_profile(
        "quick", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.register_profile("thorough", settings.get_profile("quick"), max_examples=3_000)
    # What `make simulate` looks through.
    settings.register_profile("simulate", settings.get_profile("quick"), max_examples=10_000)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
