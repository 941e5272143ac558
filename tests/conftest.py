"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.fixtures.clickhouse", "tests.fixtures.kafka"]

# A busy machine is no failure: examples have no deadline. HYPOTHESIS_PROFILE=thorough looks longer.
settings.register_profile(
    "quick", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=3_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
