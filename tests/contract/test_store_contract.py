"""What every backend of ``schemas.store.Store`` promises. Runs over ClickHouse and chDB alike."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from agents.stores import open_store
from agents.stores.chdb import ChdbStore
from schemas.migrate import list_migrations
from schemas.rows import COLUMNS, FIRST_WINS
from schemas.store import Store, StoreRejected
from tests.contract.rows import TEN, activity, insert_rows
from tests.fixtures.ddl import ddl_columns

HOSTILE_TEXTS = [
    "",
    "it's",
    '"double" `back`',
    "back\\slash\\",
    "\\'",
    "new\nline\n\nblank line",
    "tab\tcarriage\rreturn",
    "nul\0inside",
    "emoji 😀 and 中文",
    "%(name)s %d 100%",
    "; DROP TABLE ledger; --",
    "/* comment */ {a:String}",
    " spaces ",
    "\u2028\x7f\x1b",
]
EXTREMES: dict[str, list[Any]] = {
    "UInt32": [0, 1, 2**31, 2**32 - 1],
    "UInt64": [0, 1, 2**63 - 1, 2**63, 2**64 - 1],
    "Int64": [-(2**63), -1, 0, 2**63 - 1],
    "DateTime('UTC')": [0, 1, TEN, 2**31, 2**32 - 1],
    "String": HOSTILE_TEXTS,
}


def another(store: Store, dsn: str) -> Store:
    """A second store on the same data, for use in another thread."""
    return store.reader() if isinstance(store, ChdbStore) else open_store(dsn)


# --- inserting and reading back -----------------------------------------------------------------


@pytest.mark.parametrize("table", sorted(COLUMNS.keys() - {"audience_in"}))
def test_every_table_returns_what_was_inserted(store: Store, table: str) -> None:
    types = ddl_columns()[table]
    names = COLUMNS[table]
    count = len(HOSTILE_TEXTS)
    columns: dict[str, list[Any]] = {}
    for place, name in enumerate(names):
        values = EXTREMES[types[name]]
        columns[name] = [values[(row + place) % len(values)] for row in range(count)]
    # One text column tells the rows apart, so that no row replaces another.
    key = next(name for name in names if types[name] == "String" and name != "state")
    columns[key] = HOSTILE_TEXTS
    store.insert(table, columns)

    rows = store.query(f"SELECT * FROM {table} FINAL")

    returned = {row[key]: row for row in rows}
    assert returned.keys() == set(HOSTILE_TEXTS)
    for place, text in enumerate(HOSTILE_TEXTS):
        for name in names:
            value = returned[text][name]
            if types[name] == "DateTime('UTC')":
                assert value.tzinfo is UTC
                value = int(value.timestamp())
            assert (type(value), value) == (type(columns[name][place]), columns[name][place])


def test_results_have_the_same_python_types_everywhere(store: Store) -> None:
    (row,) = store.query(
        "SELECT toUInt8(1) AS small, toUInt64(18446744073709551615) AS large, toInt64(-1) AS minus,"
        " 1 = 1 AS truth, 0.5 AS half, 1 / 0 AS infinite, 'text' AS word,"
        " toDateTime(5, 'UTC') AS moment, toDate('2026-01-02') AS day, toDecimal64(1.25, 2) AS exact,"
        " [1, 2] AS numbers, [toDateTime(5, 'UTC')] AS moments,"
        " (1, 'a', toDateTime(5, 'UTC')) AS mixed, [(1, 'a')] AS pairs, toNullable(1) AS perhaps,"
        " if(1, NULL, 1) AS nothing"
    )
    moment = datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)
    assert row == {
        "small": 1,
        "large": 2**64 - 1,
        "minus": -1,
        "truth": 1,
        "half": 0.5,
        "infinite": math.inf,
        "word": "text",
        "moment": moment,
        "day": date(2026, 1, 2),
        "exact": Decimal("1.25"),
        "numbers": [1, 2],
        "moments": [moment],
        "mixed": (1, "a", moment),
        "pairs": [(1, "a")],
        "perhaps": 1,
        "nothing": None,
    }
    assert type(row["truth"]) is int
    assert row["moment"].tzinfo is UTC


def test_a_time_without_a_zone_of_its_own_is_utc_too(store: Store) -> None:
    (row,) = store.query("SELECT toDateTime(1767261600) AS moment")
    assert row["moment"] == datetime(2026, 1, 1, 10, tzinfo=UTC)


def test_a_query_without_rows_returns_an_empty_list(store: Store) -> None:
    assert store.query("SELECT room_id FROM activity_window WHERE 0") == []


def test_columns_without_rows_insert_nothing(store: Store) -> None:
    store.insert("activity_window", {name: [] for name in COLUMNS["activity_window"]})
    assert store.query("SELECT count() AS n FROM activity_window") == [{"n": 0}]


def test_tuples_are_as_good_as_lists(store: Store) -> None:
    store.insert("activity_window", {"room_id": ("a", "b"), "views": (1, 2)})
    assert store.query("SELECT sum(views) AS n FROM activity_window") == [{"n": 3}]


def test_inserting_leaves_the_callers_columns_alone(store: Store) -> None:
    columns: dict[str, list[Any]] = {"room_id": ["a"], "window_start": [TEN], "views": [2**63]}
    store.insert("activity_window", columns)
    assert columns == {"room_id": ["a"], "window_start": [TEN], "views": [2**63]}


def test_fifty_thousand_rows_go_in_at_once(store: Store) -> None:
    count = 50_000
    store.insert(
        "activity_window",
        {
            "room_id": [f"room-{n % 100}" for n in range(count)],
            "window_start": [TEN + 10 * (n // 100) for n in range(count)],
            "views": list(range(count)),
        },
    )
    assert store.query("SELECT count() AS n, sum(views) AS views FROM activity_window FINAL") == [
        {"n": count, "views": count * (count - 1) // 2}
    ]


# --- parameters ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_any_text_can_be_a_parameter(store: Store, text: str) -> None:
    insert_rows(store, "room_event", {"room_id": text, "event_id": "e", "type": "room_ended"})
    found = store.query(
        "SELECT %(text)s AS echo, room_id FROM room_event WHERE room_id = %(text)s", {"text": text}
    )
    assert found == [{"echo": text, "room_id": text}]


def test_a_sequence_stands_after_in(store: Store) -> None:
    store.insert("activity_window", {"room_id": HOSTILE_TEXTS})
    wanted = ["it's", "back\\slash\\", "nul\0inside", "not there"]
    rows = store.query(
        "SELECT room_id FROM activity_window WHERE room_id IN %(ids)s", {"ids": wanted}
    )
    assert {row["room_id"] for row in rows} == set(wanted[:3])
    (one,) = store.query(
        "SELECT 5 IN %(numbers)s AS there, 6 IN %(one)s AS alone", {"numbers": [4, 5], "one": (6,)}
    )
    assert one == {"there": 1, "alone": 1}


@pytest.mark.parametrize("number", [0, -5, 2**63, 2**64 - 1, -(2**63), 0.25, -1.5])
def test_any_number_can_be_a_parameter(store: Store, number: float) -> None:
    assert store.query("SELECT 1 -%(n)s = 1 - (%(n)s) AS same, %(n)s AS n", {"n": number}) == [
        {"same": 1, "n": number}
    ]


def test_percent_signs_in_a_query_are_left_alone(store: Store) -> None:
    sql = "SELECT 7 % 4 AS rest, 'abc' LIKE 'a%' AS alike"
    assert store.query(sql) == [{"rest": 3, "alike": 1}]
    assert store.query(sql, {}) == [{"rest": 3, "alike": 1}]


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "columns",
    [
        {"room_id": ["a", "b"], "views": [1]},
        {"room_id": [1]},
        {"room_id": [None]},
        {"room_id": ["\ud800"]},
        {"views": ["1"]},
        {"views": [-1]},
        {"views": [2**64]},
        {"views": [1.5]},
        {"views": [None]},
        {"kafka_partition": [2**32]},
        {"window_start": [-1]},
        {"window_start": ["2026-01-01 00:00:00"]},
        {"no_such_column": [1]},
        {},
    ],
    ids=str,
)
def test_values_that_do_not_fit_are_rejected_and_the_next_insert_works(
    store: Store, columns: dict[str, list[Any]]
) -> None:
    with pytest.raises(StoreRejected):
        store.insert("activity_window", columns)
    assert store.query("SELECT count() AS n FROM activity_window") == [{"n": 0}]
    insert_rows(store, "activity_window", activity("a", TEN, views=3))
    assert store.query("SELECT views FROM activity_window") == [{"views": 3}]


def test_a_table_that_is_not_there_is_rejected(store: Store) -> None:
    with pytest.raises(StoreRejected, match="no_such_table"):
        store.insert("no_such_table", {"a": [1]})


@pytest.mark.parametrize(
    "sql",
    [
        "SELEC 1",
        "SELECT no_such_column FROM ledger",
        "SELECT 1 FROM no_such_table",
        "SELECT toUInt64(throwIf(number = 3)) FROM numbers(10)",
        "SELECT 'unfinished",
        "SELECT %(missing)s",
    ],
)
def test_a_failed_query_leaves_nothing_behind_for_the_next_one(store: Store, sql: str) -> None:
    with pytest.raises(StoreRejected):
        store.query(sql, {})
    assert store.query("SELECT 1 AS one") == [{"one": 1}]


def test_a_closed_store_can_be_closed_again_but_not_used(empty_store_dsn: str) -> None:
    store = open_store(empty_store_dsn)
    store.close()
    store.close()
    with pytest.raises(StoreRejected, match="closed"):
        store.query("SELECT 1")


# --- what a row means ---------------------------------------------------------------------------


def test_a_row_written_twice_counts_once(store: Store) -> None:
    for _ in range(3):
        insert_rows(store, "activity_window", activity("a", TEN, version=5, views=3))
    assert store.query("SELECT views FROM activity_window FINAL") == [{"views": 3}]


def test_an_older_version_after_a_newer_one_changes_nothing(store: Store) -> None:
    for version, views in ((5, 3), (9, 7), (6, 4)):
        insert_rows(store, "activity_window", activity("a", TEN, version=version, views=views))
    assert store.query("SELECT version, views FROM activity_window FINAL") == [
        {"version": 9, "views": 7}
    ]


def test_partitions_and_late_slices_of_a_window_are_rows_of_their_own(store: Store) -> None:
    insert_rows(
        store,
        "activity_window",
        activity("a", TEN, 0, views=1),
        activity("a", TEN, 1, views=2),
        activity("a", TEN, 0, late_slice=TEN * 1000, views=4),
    )
    assert store.query("SELECT sum(views) AS n FROM activity_window FINAL") == [{"n": 7}]


def test_the_ledger_keeps_the_first_acceptance(store: Store) -> None:
    for offset in (30, 10, 20):
        row = {"kind": "order", "id": "o1", "kafka_offset": offset, "version": FIRST_WINS - offset}
        insert_rows(store, "ledger", row)
    assert store.query("SELECT kafka_offset FROM ledger FINAL") == [{"kafka_offset": 10}]


def test_an_older_owners_checkpoint_loses(store: Store) -> None:
    for next_offset in (100, 300, 200):
        insert_rows(
            store, "checkpoint", {"kafka_topic": "t", "next_offset": next_offset, "state": "s"}
        )
    assert store.query("SELECT next_offset FROM checkpoint FINAL") == [{"next_offset": 300}]


# --- the schema ---------------------------------------------------------------------------------


def versions(store: Store) -> list[int]:
    found = store.query("SELECT DISTINCT version FROM schema_version ORDER BY version")
    return [row["version"] for row in found]


def test_the_schema_can_be_ensured_twice_and_keeps_the_rows(store: Store) -> None:
    insert_rows(store, "activity_window", activity("a", TEN, views=3))
    store.ensure_schema()
    assert versions(store) == [migration.version for migration in list_migrations()]
    assert store.query("SELECT views FROM activity_window") == [{"views": 3}]


def test_a_migration_that_stopped_half_way_is_completed(empty_store_dsn: str, store: Store) -> None:
    run: Any = store
    run._run("DROP TABLE pipeline")
    run._run("DROP TABLE kol_leaderboard")
    run._run("DROP TABLE schema_version")
    store.ensure_schema()
    assert store.query("SELECT * FROM pipeline") == []
    assert store.query("SELECT * FROM kol_leaderboard") == []
    assert len(versions(store)) == len(list_migrations())


@pytest.fixture
def several_stores(empty_store_dsn: str) -> Iterator[list[Store]]:
    first = open_store(empty_store_dsn)
    stores = [first, *(another(first, empty_store_dsn) for _ in range(3))]
    yield stores
    for store in stores:
        store.close()


def test_workers_that_start_together_agree_on_the_schema(several_stores: list[Store]) -> None:
    barrier = threading.Barrier(len(several_stores))
    failures: list[BaseException] = []

    def start(store: Store) -> None:
        barrier.wait()
        try:
            store.ensure_schema()
            insert_rows(store, "activity_window", activity("a", TEN, views=3))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=start, args=(store,)) for store in several_stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert versions(several_stores[0]) == [migration.version for migration in list_migrations()]
    assert several_stores[0].query("SELECT sum(views) AS n FROM room_minute") == [{"n": 3}]


def test_a_second_store_reads_while_the_first_one_writes(
    store: Store, empty_store_dsn: str
) -> None:
    reader = another(store, empty_store_dsn)
    done = threading.Event()
    counts: list[int] = []
    failures: list[BaseException] = []

    def read() -> None:
        try:
            while not done.is_set():
                counts.append(reader.query("SELECT count() AS n FROM activity_window")[0]["n"])
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(50):
        insert_rows(store, "activity_window", activity(f"room-{number}", TEN, views=1))
    done.set()
    thread.join()
    reader.close()
    assert failures == []
    assert counts == sorted(counts)
    assert store.query("SELECT count() AS n FROM activity_window FINAL") == [{"n": 50}]
