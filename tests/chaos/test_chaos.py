"""A short chaos run in every test run; the long ones are in docs/chaos/."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from liveshop.chaos.chart import draw_chart
from liveshop.chaos.plan import Amounts, Kind, draw_plan
from liveshop.chaos.run import SESSION_TIMEOUT_S, Request, run_chaos
from liveshop.chaos.screen import ChaosScreen
from liveshop.settings import load_settings
from producers.generator import Show
from producers.profile_files import load_profile
from tests.fixtures.clickhouse import need_clickhouse
from tests.fixtures.kafka import need_kafka

pytestmark = [pytest.mark.clickhouse, pytest.mark.timeout(240)]

_SECONDS = 40.0
_AMOUNTS = Amounts(
    kills=3, freezes=1, store_kills=1, broker_restarts=0, broker_kills=0, additions=0, stops=0
)


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    """A run takes SIGINT and SIGTERM for itself; afterwards they are pytest's again."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_kills_a_zombie_and_a_store_that_dies_leave_every_figure_true(tmp_path: Path) -> None:
    need_clickhouse()
    need_kafka()
    show = Show(load_profile("chaos"), seed=1, scale=0.1)
    plan = draw_plan(1, _SECONDS, _AMOUNTS, SESSION_TIMEOUT_S)
    settings = load_settings(data_dir=tmp_path, partitions=2)

    record = run_chaos(Request(show, _SECONDS, plan, 2, settings), ChaosScreen("CNY"))

    assert record.proof.differences == []
    assert record.proof.accounts["unaccounted"] == 0
    assert record.proof.accounts["consumed"] == record.records
    assert record.purchases > 2_000
    happened = Counter(one.fault for one in record.happenings if one.fault)
    assert happened == {Kind.KILL_WORKER: 3, Kind.FREEZE_WORKER: 1, Kind.KILL_STORE: 1}
    assert len(record.recoveries) == 3
    assert record.farewells == [0, 0]
    assert record.samples[-1].stored_minor > 0
    assert json.loads(record.to_json())["reconciled"]
    assert draw_chart(record).count("<circle") == len(plan)
