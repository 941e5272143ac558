"""The main job: a show goes in, true figures come out."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from liveshop.embedded.clickhouse_server import ClickHouseServer
from liveshop.embedded.process import free_port
from liveshop.embedded.stack import Stack
from producers.generator import Show
from producers.profile_files import load_profile
from producers.recording import Recording, write_recording
from tests.integration.harness import QUICK, assert_exact, run_show

pytestmark = [pytest.mark.embedded, pytest.mark.timeout(240)]


def _show(profile: str, seed: int, scale: float = 1.0) -> Show:
    return Show(load_profile(profile), seed=seed, scale=scale)


#: Wall seconds of each profile at its own speed that make a few hundred orders and more.
_SECONDS = {"boutique": 30, "flash-drop": 30, "xinba-12h": 10}


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("profile", sorted(_SECONDS))
def test_every_figure_equals_the_manifest(profile: str, seed: int, tmp_path: Path) -> None:
    show = _show(profile, seed)
    until_ms = show.start_ms + round(_SECONDS[profile] * show.default_speed * 1_000)
    path = tmp_path / "show.ndjson"
    write_recording(path, show.records(until_ms))
    # A recording at full speed is the show without the waiting.
    outcome = run_show(tmp_path / "run", Recording(path))
    assert_exact(outcome)
    sent = outcome.sent.truth.sent
    assert min(sent.duplicates, sent.unreadable) > 0
    assert outcome.result.accounts["late"] > 0
    assert outcome.result.orders[0] > 100


def test_a_paced_show_equals_the_manifest(tmp_path: Path) -> None:
    show = _show("flash-drop", 7)
    outcome = run_show(tmp_path, show, speed=show.default_speed, duration_s=10)
    assert_exact(outcome)


@pytest.mark.clickhouse
def test_a_clickhouse_server_holds_the_same_figures(
    tmp_path: Path, clickhouse_server: ClickHouseServer
) -> None:
    show = _show("xinba-12h", 4)
    outcome = run_show(
        tmp_path,
        show,
        store=clickhouse_server.dsn("exact"),
        speed=show.default_speed,
        duration_s=8,
    )
    assert_exact(outcome)


@pytest.mark.clickhouse
def test_a_second_worker_that_joins_half_way_changes_no_figure(
    tmp_path: Path, clickhouse_server: ClickHouseServer
) -> None:
    owned: list[int] = []

    async def join_half_way(stack: Stack) -> None:
        await asyncio.sleep(6)
        joined = stack.add_worker(free_port(), QUICK)
        await joined.ready()
        owned.append(await joined.partitions())

    show = _show("xinba-12h", 5)
    outcome = run_show(
        tmp_path,
        show,
        store=clickhouse_server.dsn("joined"),
        speed=show.default_speed,
        duration_s=20,
        partitions=4,
        disturb=join_half_way,
    )
    assert owned[0] > 0
    assert_exact(outcome)


@pytest.mark.clickhouse
def test_a_worker_that_is_killed_twice_changes_no_figure(
    tmp_path: Path, clickhouse_server: ClickHouseServer
) -> None:
    async def kill_twice(stack: Stack) -> None:
        for _ in range(2):
            await asyncio.sleep(4)
            stack.workers[0].kill()
            await asyncio.sleep(0.5)
            stack.check()
            await stack.workers[0].ready()

    show = _show("xinba-12h", 6)
    outcome = run_show(
        tmp_path,
        show,
        store=clickhouse_server.dsn("killed"),
        speed=show.default_speed,
        duration_s=15,
        disturb=kill_twice,
    )
    assert_exact(outcome)
