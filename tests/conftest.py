"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

import agents  # noqa: F401 - first of all: it says where compiled kernels are kept
from tests import hypothesis_profiles

pytest_plugins = ["tests.fixtures.clickhouse", "tests.fixtures.kafka"]

hypothesis_profiles.load()
