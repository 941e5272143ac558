"""Grafana's variables and the plugin's macros, filled in as Grafana and the plugin do it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from deploy.grafana.queries import (
    CLICKHOUSE,
    PROMETHEUS,
    Query,
    Values,
    expand_promql,
    expand_sql,
    queries,
)

VALUES = Values(
    start=datetime(2026, 6, 18, 20, tzinfo=UTC),
    end=datetime(2026, 6, 18, 21, tzinfo=UTC),
    currency="EUR",
    rooms=("o'brien", "york"),
    rate_interval="4m",
    interval="30s",
)
ALL_ROOMS = Values(start=VALUES.start, end=VALUES.end, currency="KWD")
FROM, TO = "toDateTime(1781812800)", "toDateTime(1781816400)"


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("rate(x[$__rate_interval])", "rate(x[4m])"),
        ("rate(x[${__interval}])", "rate(x[30s])"),
        ('x{currency="$currency"}', 'x{currency="EUR"}'),
        ("x / $minor_per_major", "x / 100"),
        ("sum by (le) (x)", "sum by (le) (x)"),
    ],
)
def test_variables_of_promql_are_filled_in(text: str, expanded: str) -> None:
    assert expand_promql(text, VALUES) == expanded


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("currency = ${currency:singlequote}", "currency = 'EUR'"),
        ("room_id IN (${room:singlequote})", "room_id IN ('o\\'brien','york')"),
        ("$__timeFilter(minute)", f"minute >= {FROM} AND minute <= {TO}"),
        ("a BETWEEN $__fromTime AND $__toTime - 300", f"a BETWEEN {FROM} AND {TO} - 300"),
        ("$__conditionalAll(a IN (${room:singlequote}), $room)", "a IN ('o\\'brien','york')"),
        (
            "$__conditionalAll(a = 1, $room) AND $__conditionalAll(b = 2, $room)",
            "a = 1 AND b = 2",
        ),
    ],
)
def test_variables_and_macros_of_sql_are_filled_in(text: str, expanded: str) -> None:
    assert expand_sql(text, VALUES) == expanded


def test_a_condition_on_all_rooms_is_none() -> None:
    text = "x AND $__conditionalAll(room_id IN (${room:singlequote}), $room) AND y"
    assert expand_sql(text, ALL_ROOMS) == "x AND 1=1 AND y"


def test_the_minor_unit_is_the_currencys() -> None:
    assert expand_sql("a / ${minor_per_major}", ALL_ROOMS) == "a / 1000"


@pytest.mark.parametrize(
    "text",
    [
        "rate(x[$__rate_intervall])",
        "x = $curency",
        "x IN (${room:csv})",
        "x IN ($room)",
        "$__timeInterval(minute)",
        "$__timeFilter(toStartOfMinute(window_start))",
        "$__conditionalAll(a = 1, $currency)",
        "$__conditionalAll(a = 1)",
        "$__conditionalAll(f(a, b), c, $room)",
    ],
)
def test_what_grafana_would_not_know_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Grafana|several|All"):
        expand_sql(text, VALUES)


def test_queries_are_found_in_panels_collapsed_rows_annotations_and_variables() -> None:
    prometheus, clickhouse = {"type": PROMETHEUS}, {"type": CLICKHOUSE}
    dashboard = {
        "panels": [
            {"title": "p", "targets": [{"refId": "A", "datasource": prometheus, "expr": "up"}]},
            {
                "title": "row",
                "panels": [
                    {
                        "title": "q",
                        "targets": [{"refId": "B", "datasource": clickhouse, "rawSql": "SELECT 1"}],
                    }
                ],
            },
        ],
        "annotations": {
            "list": [{"name": "m", "target": {"datasource": clickhouse, "rawSql": "SELECT 2"}}]
        },
        "templating": {"list": [{"name": "v", "datasource": clickhouse, "query": "SELECT 3"}]},
    }
    assert list(queries(dashboard)) == [
        Query("p [A]", PROMETHEUS, "up"),
        Query("q [B]", CLICKHOUSE, "SELECT 1"),
        Query("annotation m", CLICKHOUSE, "SELECT 2"),
        Query("variable v", CLICKHOUSE, "SELECT 3"),
    ]


def test_a_target_without_a_query_is_refused() -> None:
    dashboard = {
        "panels": [{"title": "p", "targets": [{"refId": "A", "datasource": {"type": CLICKHOUSE}}]}]
    }
    with pytest.raises(KeyError, match="rawSql"):
        list(queries(dashboard))
