"""The store of a run is nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.run_store import kind_of, own_database, store_of_run
from schemas.errors import UsageError


def test_each_run_has_a_database_of_its_own_on_the_same_server() -> None:
    given = "clickhouse://ops:secret@db:9000/shop?secure=1"
    assert own_database(given, "7_1") == "clickhouse://ops:secret@db:9000/shop_7_1?secure=1"
    assert own_database("clickhouse://db", "7_1") == "clickhouse://db/liveshop_7_1"


def test_two_runs_on_somebody_s_server_use_two_databases(tmp_path: Path) -> None:
    addresses = []
    for _ in range(2):
        with store_of_run("clickhouse://db", tmp_path) as address:
            addresses.append(address)
    assert len({"clickhouse://db", *addresses}) == 3


@pytest.mark.parametrize(
    ("store", "kind"),
    [("chdb", "chdb"), ("clickhouse", "clickhouse"), ("clickhouses://u@h/d", "clickhouse")],
)
def test_the_kind_of_a_store_is_told_from_its_address(store: str, kind: str) -> None:
    assert kind_of(store) == kind


@pytest.mark.parametrize("store", ["mysql://x", "chdb://directory", ""])
def test_another_store_is_refused(store: str) -> None:
    with pytest.raises(UsageError, match="ClickHouse server, or chDB"):
        kind_of(store)
