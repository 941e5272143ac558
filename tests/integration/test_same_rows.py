"""The same show gives the same bytes, whatever broker, store, partitions and workers it meets."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from liveshop.embedded.clickhouse_server import ClickHouseServer
from producers.generator import Show
from producers.profile_files import load_profile
from producers.recording import Recording, write_recording
from schemas.store import Row
from tests.integration.harness import Outcome, assert_exact, run_show

pytestmark = [
    pytest.mark.embedded,
    pytest.mark.kafka,
    pytest.mark.clickhouse,
    pytest.mark.timeout(240),
]

#: How many records are late depends on what is in a partition with them: a record that is behind
#: the one before it in a log of everything may come first in a log of its own. It tells how a
#: stream arrived, and moves no total: late records are folded into their true windows.
ARRIVAL = frozenset({"late"})


def test_brokers_stores_partitions_and_workers_change_no_byte(
    tmp_path: Path, kafka: str, clickhouse_dsn: str, clickhouse_server: ClickHouseServer
) -> None:
    show = Show(load_profile("xinba-12h"), seed=11)
    path = tmp_path / "show.ndjson"
    until_ms = show.start_ms + round(10 * show.default_speed * 1_000)
    write_recording(path, show.records(until_ms))

    alone = run_show(tmp_path / "alone", Recording(path), partitions=1)
    embedded = run_show(
        tmp_path / "embedded", Recording(path), store=clickhouse_dsn, partitions=4, workers=2
    )
    real = run_show(
        tmp_path / "real",
        Recording(path),
        brokers=kafka,
        store=clickhouse_server.dsn("same"),
        partitions=4,
        workers=2,
    )

    for outcome in (alone, embedded, real):
        assert_exact(outcome)
    # The same logs: every column, those about the arrival too.
    assert _late(embedded) > 0
    assert _bytes(real.rooms) == _bytes(embedded.rooms)
    assert _bytes(real.kols) == _bytes(embedded.kols)
    # Other logs of the same records: every column about what was sold and who was there.
    assert _bytes(alone.rooms, without=ARRIVAL) == _bytes(embedded.rooms, without=ARRIVAL)
    assert _bytes(alone.kols) == _bytes(embedded.kols)


def _late(outcome: Outcome) -> int:
    return sum(int(row["late"]) for row in outcome.rooms)


def _bytes(rows: list[Row], without: frozenset[str] = frozenset()) -> bytes:
    """Rows in their order, one a line, with their columns in the order of the view."""
    return b"\n".join(
        orjson.dumps([(name, value) for name, value in row.items() if name not in without])
        for row in rows
    )
