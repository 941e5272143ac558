"""The dashboard is what its generator writes, and it is whole."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agents.metrics import Metrics
from deploy.grafana import dashboard as generator
from deploy.grafana.queries import CLICKHOUSE, PROMETHEUS, Query, panels, queries
from schemas.events import SOURCES
from tests.dashboard_checks import committed_dashboard

SQL = generator.PATH.parents[1] / "sql"
ROWS = {"row"}
#: What ClickHouse 18.16 does not know, or knows otherwise.
TOO_NEW = re.compile(
    r"\bOVER\s*\(|^\s*WITH\b|toStartOfInterval|DateTime64|FILL|arrayZip|fromUnixTimestamp", re.M
)


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    return committed_dashboard()


@pytest.fixture(scope="module")
def shown(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """The panels that show something."""
    return [panel for panel in panels(dashboard) if panel["type"] not in ROWS]


def sql_of(dashboard: dict[str, Any]) -> list[Query]:
    return [query for query in queries(dashboard) if query.source == CLICKHOUSE]


def test_the_committed_file_is_what_the_generator_writes() -> None:
    expected = generator.text(generator.build())
    assert generator.PATH.read_text(encoding="utf-8") == expected, (
        "run: python -m deploy.grafana.dashboard"
    )


def test_the_generator_writes_the_same_in_another_process() -> None:
    script = (
        "from deploy.grafana import dashboard as d; import sys; sys.stdout.write(d.text(d.build()))"
    )
    for seed in ("1", "2"):
        written = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script],
            env={"PYTHONHASHSEED": seed},
            cwd=Path(generator.__file__).parents[2],
            capture_output=True,
            check=True,
            encoding="utf-8",
        )
        assert written.stdout == generator.PATH.read_text(encoding="utf-8")


def test_every_panel_has_an_id_of_its_own(dashboard: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in panels(dashboard)]
    assert all(isinstance(number, int) and number > 0 for number in ids)
    assert len(set(ids)) == len(ids)


def test_panels_lie_on_the_grid_and_cover_none_of_another(dashboard: dict[str, Any]) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in panels(dashboard):
        at = panel["gridPos"]
        assert at["x"] >= 0
        assert at["x"] + at["w"] <= 24, panel["title"]
        for cell in itertools.product(
            range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])
        ):
            assert cell not in taken, f"{panel['title']} covers {taken[cell]}"
            taken[cell] = panel["title"]


def test_every_panel_says_what_it_shows_in_which_unit(shown: list[dict[str, Any]]) -> None:
    for panel in shown:
        assert panel["title"]
        assert panel["description"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]


def test_titles_are_unique(shown: list[dict[str, Any]]) -> None:
    titles = [panel["title"] for panel in shown]
    assert len(set(titles)) == len(titles)


def test_every_target_has_a_data_source_and_a_letter_of_its_own(
    shown: list[dict[str, Any]],
) -> None:
    known = {(PROMETHEUS, "liveshop-prometheus"), (CLICKHOUSE, "liveshop-clickhouse")}
    for panel in shown:
        for target in [panel, *panel["targets"]]:
            assert (target["datasource"]["type"], target["datasource"]["uid"]) in known
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters), panel["title"]


def test_series_over_time_are_asked_as_time_series_and_all_else_as_tables(
    shown: list[dict[str, Any]],
) -> None:
    for panel in shown:
        for target in panel["targets"]:
            if target["datasource"]["type"] == CLICKHOUSE:
                over_time = panel["type"] == "timeseries"
                asked = (target["format"], target["queryType"], target["editorType"])
                expected = (0, "timeseries", "sql") if over_time else (1, "table", "sql")
                assert asked == expected, panel["title"]
                assert re.search(r"\btime\b", target["rawSql"]) or not over_time, panel["title"]


def test_what_the_sdk_leaves_behind_is_gone(dashboard: dict[str, Any]) -> None:
    text = json.dumps(dashboard)
    assert '"showLegend": false' not in text
    assert '"auto' not in text.replace('"auto"', "")
    assert '"repeatDirection"' not in text


def test_overrides_name_columns_that_the_query_has(shown: list[dict[str, Any]]) -> None:
    for panel in shown:
        text = "\n".join(target.get("rawSql", "") for target in panel["targets"])
        for override in panel["fieldConfig"]["overrides"]:
            column = override["matcher"]["options"]
            optional = column in ("gmv", "refunded", "net_gmv")
            assert optional or re.search(rf"\b{column}\b", text), (panel["title"], column)


def test_every_sql_file_is_used(dashboard: dict[str, Any]) -> None:
    used = {query.text for query in sql_of(dashboard)}
    unused = [
        path.name for path in SQL.glob("*.sql") if path.read_text("utf-8").strip() not in used
    ]
    assert not unused


def test_money_is_limited_to_one_currency(dashboard: dict[str, Any]) -> None:
    with_money = [query for query in sql_of(dashboard) if re.search(r"_minor\b", query.text)]
    assert len(with_money) > 5
    for query in with_money:
        if "countIf(" not in query.text:  # how many minutes differ, not by how much
            assert "currency = ${currency:singlequote}" in query.text, query.place


def test_a_panel_with_money_names_its_currency(shown: list[dict[str, Any]]) -> None:
    for panel in shown:
        if any("minor_per_major" in target.get("rawSql", "") for target in panel["targets"]):
            assert "$currency" in panel["title"]


def test_panels_about_rooms_follow_the_choice_of_rooms(dashboard: dict[str, Any]) -> None:
    tables = re.compile(
        r"\b(sales_window|activity_window|product_window|audience|reconciliation)\b"
    )
    for query in sql_of(dashboard):
        if tables.search(query.text) and not query.place.startswith("variable"):
            assert "$__conditionalAll(room_id IN (${room:singlequote}), $room)" in query.text


def test_the_sql_is_old_enough(dashboard: dict[str, Any]) -> None:
    for query in sql_of(dashboard):
        assert not TOO_NEW.search(query.text), query.place


def test_replacing_tables_are_read_with_final(dashboard: dict[str, Any]) -> None:
    for query in sql_of(dashboard):
        for table in re.findall(r"\bFROM (\w+_window|room_event|ledger)\b(?! FINAL)", query.text):
            # The variable asks only which currencies there are.
            assert query.place == "variable currency", (query.place, table)


def test_views_are_shown_for_every_source(dashboard: dict[str, Any]) -> None:
    (text,) = (query.text for query in sql_of(dashboard) if "sumIf(views" in query.text)
    assert re.findall(r"source = '(\w+)'", text) == list(SOURCES)


def test_only_metrics_that_a_worker_exports_are_asked_for(dashboard: dict[str, Any]) -> None:
    exported = exported_names()
    for query in queries(dashboard):
        if query.source == PROMETHEUS:
            assert set(re.findall(r"liveshop_\w+", query.text)) <= exported, query.place


def exported_names() -> set[str]:
    """The names of all series, with the suffixes of histograms."""
    names: set[str] = set()
    for family in Metrics(topics=("t",), tables=("t",)).registry.collect():
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
        names |= {family.name + suffix for suffix in suffixes.get(family.type, [""])}
    return names
