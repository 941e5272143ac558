"""The dashboard's queries against a real Prometheus and real stores, with figures known by hand."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import start_http_server

from agents.metrics import Metrics
from deploy.grafana.queries import CLICKHOUSE, PROMETHEUS, Values, queries
from liveshop.embedded.process import free_port
from schemas.rows import COLUMNS
from schemas.store import Store
from schemas.topics import EVENT_TOPICS
from tests.dashboard_checks import (
    assert_all_promql_return_data,
    assert_all_sql_return_rows,
    committed_dashboard,
    rows_of,
)
from tests.fixtures.dashboard_show import END, START, write_dashboard_show
from tests.fixtures.prometheus import Prometheus, running_prometheus

EUR = Values(start=START, end=END, currency="EUR")
JPY = Values(start=START, end=END, currency="JPY")


@pytest.fixture
def dashboard() -> dict[str, Any]:
    return committed_dashboard()


def replace_queries(dashboard: dict[str, Any], source: str, old: str, new: str) -> dict[str, Any]:
    """The dashboard with a mistake in its queries."""
    field = "expr" if source == PROMETHEUS else "rawSql"
    broken = copy.deepcopy(dashboard)
    for panel in broken["panels"]:
        for target in panel.get("targets", ()):
            if field in target:
                target[field] = target[field].replace(old, new)
    assert list(queries(broken)) != list(queries(dashboard)), "the mistake was not made"
    return broken


@pytest.mark.prometheus
class TestPromQL:
    @pytest.fixture
    def metrics(self) -> Metrics:
        return Metrics(topics=tuple(topic.name for topic in EVENT_TOPICS), tables=tuple(COLUMNS))

    @pytest.fixture
    def worker(self, metrics: Metrics) -> Iterator[str]:
        """The address of an HTTP server that exposes ``metrics``."""
        port = free_port()
        server, thread = start_http_server(port, "127.0.0.1", registry=metrics.registry)
        yield f"127.0.0.1:{port}"
        server.shutdown()
        server.server_close()
        thread.join()

    @pytest.fixture
    def prometheus(self, worker: str, tmp_path: Path) -> Iterator[Prometheus]:
        with running_prometheus(tmp_path, worker) as server:
            yield server

    def test_every_query_returns_data_and_every_rule_evaluates(
        self, metrics: Metrics, prometheus: Prometheus, dashboard: dict[str, Any]
    ) -> None:
        wait_for_a_scrape(prometheus)
        work(metrics)
        assert_all_promql_return_data(prometheus, dashboard, "EUR")

    def test_a_query_for_a_metric_that_no_worker_has_is_found(
        self, metrics: Metrics, prometheus: Prometheus, dashboard: dict[str, Any]
    ) -> None:
        broken = replace_queries(dashboard, PROMETHEUS, "liveshop_dedup_ids", "liveshop_dedupe_ids")
        wait_for_a_scrape(prometheus)
        work(metrics)
        with pytest.raises(AssertionError, match=r"dedup ids \[B\]: no data"):
            assert_all_promql_return_data(prometheus, broken, "EUR", within_seconds=2)

    def test_a_histogram_without_observations_is_no_data(
        self, prometheus: Prometheus, dashboard: dict[str, Any]
    ) -> None:
        wait_for_a_scrape(prometheus)
        with pytest.raises(AssertionError, match=r"Append to visible \[A\]: only NaN"):
            assert_all_promql_return_data(prometheus, dashboard, "EUR", within_seconds=1)

    def test_a_query_that_cannot_be_parsed_is_found(
        self, prometheus: Prometheus, dashboard: dict[str, Any]
    ) -> None:
        broken = replace_queries(dashboard, PROMETHEUS, "time() -", "time( -")
        with pytest.raises(AssertionError, match="parse error"):
            assert_all_promql_return_data(prometheus, broken, "EUR", within_seconds=0)


def wait_for_a_scrape(prometheus: Prometheus) -> None:
    """A rate counts what happens after the first scrape."""
    deadline = time.monotonic() + 20
    while not prometheus.query("liveshop_records_consumed_total"):
        assert time.monotonic() < deadline, prometheus.targets()
        time.sleep(0.05)


def work(metrics: Metrics) -> None:
    """Report what a worker reports after one flush."""
    metrics.consumed.labels("live.purchases").inc(100)
    metrics.folded.labels("live.purchases").inc(100)
    metrics.orders.labels("EUR").inc(3)
    metrics.lag.labels("live.purchases", 0).set(5)
    metrics.watermark.labels("live.purchases", 0).set_to_current_time()
    metrics.append_to_visible.observe(0.2)
    metrics.flush_seconds.observe(0.05)
    metrics.batch_records.observe(100)
    metrics.store_up.set(1)
    metrics.last_flush.set_to_current_time()
    metrics.open_windows.set(7)
    metrics.dedup_ids.set(9)


class TestSql:
    @pytest.fixture(autouse=True)
    def _show(self, store: Store) -> None:
        write_dashboard_show(store)

    @pytest.mark.parametrize("rooms", [(), ("o'brien",)], ids=["all rooms", "one room"])
    def test_every_query_returns_rows(
        self, store: Store, dashboard: dict[str, Any], rooms: tuple[str, ...]
    ) -> None:
        assert_all_sql_return_rows(store, dashboard, START, END, "EUR", rooms)

    def test_a_currency_that_nothing_was_sold_in_has_no_sales(
        self, store: Store, dashboard: dict[str, Any]
    ) -> None:
        with pytest.raises(AssertionError, match=r"GMV \(paid\), \$currency \[A\]: no row"):
            assert_all_sql_return_rows(store, dashboard, START, END, "USD")

    def test_a_column_that_does_not_exist_is_found(
        self, store: Store, dashboard: dict[str, Any]
    ) -> None:
        broken = replace_queries(dashboard, CLICKHOUSE, "sum(likes)", "sum(hearts)")
        with pytest.raises(AssertionError, match=r"likes per minute \[B\]: .*hearts"):
            assert_all_sql_return_rows(store, broken, START, END, "EUR")

    def test_the_figures_are_those_of_the_show(
        self, store: Store, dashboard: dict[str, Any]
    ) -> None:
        def figures(place: str, values: Values = EUR) -> list[tuple[Any, ...]]:
            return [tuple(row.values()) for row in rows_of(store, dashboard, place, values)]

        assert figures("GMV (paid), $currency [A]") == [(35.55,)]
        assert figures("Net GMV, $currency [A]") == [(33.05,)]
        assert figures("Orders per minute, $currency [A]") == [(0.6,)]
        assert figures("Conversion, buyers / viewers [A]") == [(0.4,)]
        assert figures("Unaccounted records [A]") == [(0,)]
        assert figures("Minutes that differ [A]") == [(0,)]
        assert figures("Records lost or unreadable [A]") == [(0, 2)]
        assert figures("KOL leaderboard, $currency, whole show, all rooms [A]")[0][:7] == (
            *(1, "Anna", 3, 3),
            *(35.55, 2.5, 33.05),
        )
        assert figures("KOLs in the last 5 minutes, $currency [A]") == [
            (1, 2, "Anna", 3, 35.55, 33.05)
        ]
        assert figures("Rooms, of any time [A]") == [
            ("o'brien", "Lipsticks", "", "Anna", "EUR", START, START + timedelta(hours=6)),
            ("tokyo", "Bags", "", "Yuki", "JPY", START, START + timedelta(minutes=3)),
        ]
        assert figures("Products, $currency [A]") == [
            ("lipstick", 50, 5, 3, 4, 6, 35.55, 2.5, 33.05, 0.1, 0.8)
        ]

    def test_yen_have_no_minor_unit_and_are_not_added_to_euros(
        self, store: Store, dashboard: dict[str, Any]
    ) -> None:
        (row,) = rows_of(store, dashboard, "GMV (paid), $currency [A]", JPY)
        assert row == {"gmv": 5_000.0}
        (row,) = rows_of(store, dashboard, "variable minor_per_major", JPY)
        assert list(row.values()) == [1]

    @pytest.mark.parametrize(
        ("values", "curve", "now"), [(EUR, [10, 14, 11], 11), (JPY, [6, 0], 0)], ids=["EUR", "JPY"]
    )
    def test_viewers_online_are_live_views_minus_leaves_until_the_show_ends(
        self, store: Store, dashboard: dict[str, Any], values: Values, curve: list[int], now: int
    ) -> None:
        shown = rows_of(store, dashboard, "Viewers online [A]", values)
        assert [row["online"] for row in shown] == curve
        assert rows_of(store, dashboard, "Viewers online now [A]", values) == [{"online": now}]

    def test_a_room_with_an_apostrophe_can_be_chosen(
        self, store: Store, dashboard: dict[str, Any]
    ) -> None:
        for rooms, expected in ((("o'brien",), [{"gmv": 35.55}]), (("tokyo",), [])):
            values = Values(start=START, end=END, currency="EUR", rooms=rooms)
            assert rows_of(store, dashboard, "GMV (paid), $currency [A]", values) == expected
