"""One show, three people: ops at page and dashboard, the brand at the report, the truth beside."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agents.stores import open_store
from liveshop.drain import Lag, drain
from liveshop.embedded.clickhouse_server import ClickHouseServer
from liveshop.embedded.process import free_port
from liveshop.embedded.stack import Stack
from liveshop.reconcile import reconcile
from liveshop.stores import reading
from producers.generator import Show
from producers.pacing import Schedule
from producers.profile_files import load_profile
from producers.publisher import Publisher
from producers.replay import ReplayResult, replay
from producers.topics import ensure_topics
from reports import list_rooms, report
from schemas.store import Store
from schemas.truth import Money, Room, Truth
from tests.dashboard_checks import (
    assert_all_promql_return_data,
    assert_all_sql_return_rows,
    committed_dashboard,
)
from tests.fixtures.prometheus import running_prometheus
from tests.integration.harness import QUICK

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.clickhouse,
    pytest.mark.embedded,
    pytest.mark.prometheus,
    pytest.mark.timeout(240),
]

_SECONDS = 20


async def _play(stack: Stack, show: Show) -> ReplayResult:
    async with Publisher(stack.brokers) as publisher:
        sent = await replay(show, publisher, Schedule(show.default_speed), _SECONDS)
        ends = publisher.ends
    async with Lag(stack.brokers, "liveshop") as lag:
        await drain(lag, 60, ends)
    return sent


def test_page_dashboard_report_and_store_say_what_is_true(
    tmp_path: Path, chromium: BrowserContext, clickhouse_server: ClickHouseServer
) -> None:
    show = Show(load_profile("xinba-12h"), seed=11)
    dsn, port = clickhouse_server.dsn("everyone"), free_port()
    with Stack(tmp_path, None, dsn, 2) as stack:
        _run(ensure_topics(stack.brokers, stack.partitions))
        # Children end with the thread that starts them, so not in the one of _run.
        _run(stack.add_worker(port, QUICK).ready())
        scraped = tmp_path / "prometheus"
        scraped.mkdir()
        with running_prometheus(scraped, f"127.0.0.1:{port}") as prometheus:
            sent = _run(_play(stack, show))
            truth = sent.truth
            assert_all_promql_return_data(prometheus, committed_dashboard(), truth.currency)
        store = open_store(dsn)
        try:
            _the_page_shows_the_store(chromium, port, store, truth)
            _the_dashboard_has_rows(store, truth)
        finally:
            store.close()
        assert stack.stop_workers() == [0]
    with reading(dsn) as store:
        assert reconcile(store, truth).differences == []
        _the_reports_say_the_truth(store, truth)


def _run(coroutine: Any) -> Any:
    """Playwright's blocking interface keeps a loop of its own in this thread."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def _the_page_shows_the_store(
    chromium: BrowserContext, port: int, store: Store, truth: Truth
) -> None:
    page: Page = chromium.new_page()
    try:
        page.goto(f"http://127.0.0.1:{port}/")
        page.wait_for_selector("body[data-state=live], body[data-state=ended]")
        money = truth.total[truth.currency]
        [row] = store.query(
            "SELECT sum(gmv_minor) AS gmv, sum(refund_minor) AS back, sum(orders) AS sold"
            " FROM room_summary WHERE currency = %(currency)s",
            {"currency": truth.currency},
        )
        assert (row["gmv"], row["back"], row["sold"]) == (
            money.gmv_minor,
            money.refund_minor,
            money.orders,
        )
        deadline = time.monotonic() + 20
        while _minor(page, "#gmv") != money.gmv_minor and time.monotonic() < deadline:
            page.wait_for_timeout(200)
        assert _minor(page, "#gmv") == row["gmv"]
        assert _minor(page, "#refunded") == row["back"]
        assert int(page.locator("#orders").get_attribute("data-count") or "") == row["sold"]
        leader = page.locator("#board tr").first
        assert leader.locator("th").inner_text() == truth.kol_ranking[truth.currency][0]
    finally:
        page.close()


def _minor(page: Page, selector: str) -> int:
    return int(page.locator(selector).get_attribute("data-minor") or "0")


def _the_dashboard_has_rows(store: Store, truth: Truth) -> None:
    [span] = store.query(
        "SELECT toUInt32(min(window_start)) AS first, toUInt32(max(window_start)) AS last"
        " FROM sales_window"
    )
    start = datetime.fromtimestamp(span["first"], UTC) - timedelta(minutes=1)
    end = datetime.fromtimestamp(span["last"], UTC) + timedelta(seconds=30)
    assert_all_sql_return_rows(store, committed_dashboard(), start, end, truth.currency)


def _the_reports_say_the_truth(store: Store, truth: Truth) -> None:
    rooms = {room.room_id for room in list_rooms(store)}
    assert rooms == set(truth.rooms)
    for room_id in rooms:
        found = json.loads(report(store, room_id, "json"))
        money = truth.by_room.get(room_id, {})
        sales = {one["currency"]: _values(one["measures"]) for one in found["currencies"]}
        for currency, figures in money.items():
            assert sales[currency].items() >= _sales(figures).items()
        assert _values(found["measures"]).items() >= _activity(truth.rooms[room_id]).items()


def _values(measures: list[dict[str, Any]]) -> dict[str, Any]:
    return {measure["key"]: measure["value"] for measure in measures}


def _sales(money: Money) -> dict[str, int]:
    return {
        "gmv": money.gmv_minor,
        "refund": money.refund_minor,
        "net_gmv": money.gmv_minor - money.refund_minor,
        "orders": money.orders,
        "sku_orders": money.sku_orders,
        "units": money.units,
        "refunds": money.refunds,
        "cancelled": money.cancelled,
    }


def _activity(room: Room) -> dict[str, int]:
    return {
        "views": room.views,
        "viewers": room.unique_viewers,
        "impressions": room.impressions,
        "clicks": room.clicks,
        "carts": room.carts,
        "buyers": room.unique_buyers,
        "chats": room.chats,
        "likes": room.likes,
    }
