"""What a flush tells the leaderboard: the same, whichever fold made the rows, in messages of a bounded size."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, cast

import orjson
import pytest

from agents import leaderboard
from agents.leaderboard import LeaderboardAgent, totals_messages
from agents.sink import Sink
from producers.generator import Show
from producers.partitioning import partition_of
from producers.profile_files import load_profile
from schemas.rows import COLUMNS
from schemas.topics import PURCHASES, ROOMS, TRAFFIC
from streams.batch import Batch
from streams.catalog import FOLDS, PLAIN_FOLDS
from streams.fold import Row, Taken
from streams.parts import Parts
from streams.windows import WindowPolicy
from tests.properties.parts import rows_in

RECORDS = 6_000


@pytest.fixture(scope="module")
def batches() -> Mapping[str, Batch]:
    """The first records of a show, of one partition of each topic."""
    runs: dict[str, list[Any]] = {TRAFFIC.name: [], PURCHASES.name: [], ROOMS.name: []}
    show = Show(load_profile("chaos"), seed=5)
    for record, _ in zip(show.records(), range(10 * RECORDS), strict=False):
        if record.topic in runs and partition_of(record.key, 2) == 0:
            runs[record.topic].append(record)
    return {
        topic: Batch(
            topic=topic,
            partition=0,
            start=0,
            next_offset=len(run),
            offsets=range(len(run)),
            appended_ms=[record.due_ms for record in run],
            values=[record.value for record in run],
            keys=[record.key for record in run],
        )
        for topic, run in runs.items()
    }


def told(taken: Taken) -> Iterator[Any]:
    for content in map(orjson.loads, totals_messages(taken)):
        yield from map(tuple, content.get("hosts", ()))
        if "parts" in content:
            yield from rows_in(Parts.of_plain(content["parts"]))


def taken_by(folds: Mapping[str, Any], topic: str, batches: Mapping[str, Batch]) -> Taken:
    fold = folds[topic](0, WindowPolicy())
    fold.fold(batches[topic])
    taken: Taken = fold.take()
    return taken


@pytest.mark.parametrize("topic", [TRAFFIC.name, PURCHASES.name, ROOMS.name])
def test_rows_and_columns_tell_the_same(topic: str, batches: Mapping[str, Batch]) -> None:
    plain = list(told(taken_by(PLAIN_FOLDS, topic, batches)))
    assert plain
    assert sorted(told(taken_by(FOLDS, topic, batches))) == sorted(plain)


def test_rows_without_views_are_not_told(batches: Mapping[str, Batch]) -> None:
    taken = taken_by(FOLDS, TRAFFIC.name, batches)
    parts = list(told(taken))
    assert 0 < len(parts) < len(taken.rows["activity_window"])
    assert all(values > (0,) for _, _, values in parts)


def test_many_parts_are_told_in_several_messages_each_with_its_own_names(
    batches: Mapping[str, Batch], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = taken_by(FOLDS, TRAFFIC.name, batches)
    (whole,) = [orjson.loads(message)["parts"] for message in totals_messages(taken)]
    monkeypatch.setattr(leaderboard, "_MOST_PARTS", 7)
    pieces = [orjson.loads(message)["parts"] for message in totals_messages(taken)]
    assert len(pieces) == -(-len(whole["windows"]) // 7) > 2
    for piece in pieces:
        assert len(piece["windows"]) <= 7
        assert len(piece["names"]) == len({place for row in piece["texts"] for place in row})
    found = [row for piece in pieces for row in rows_in(Parts.of_plain(piece))]
    assert found == list(rows_in(Parts.of_plain(whole)))


class EmptyStore:
    """A sink over an empty store, which keeps the ranks that are written."""

    def __init__(self) -> None:
        self.ranks: list[Row] = []

    async def query(self, sql: str) -> list[Any]:
        return []

    async def insert_rows(self, table: str, rows: Sequence[Row]) -> None:
        assert table == "kol_rank"
        self.ranks += rows


async def test_agent_ranks_what_it_is_told_and_passes_over_lists_of_older_versions(
    batches: Mapping[str, Batch],
) -> None:
    async def messages() -> AsyncIterator[Any]:
        yield {"parts": [["views", "room", "", 0, "0/feed/0", 1, [5]]], "hosts": []}
        for topic in (ROOMS.name, PURCHASES.name, TRAFFIC.name):
            for message in totals_messages(taken_by(FOLDS, topic, batches)):
                yield orjson.loads(message)

    store = EmptyStore()
    agent = LeaderboardAgent(cast("Sink", store), WindowPolicy())
    await agent.consume(messages())
    await agent.write()
    ranks = [dict(zip(COLUMNS["kol_rank"], row, strict=True)) for row in store.ranks]
    gmv: Counter[Any] = Counter()
    for row in taken_by(FOLDS, PURCHASES.name, batches).rows["sales_window"]:
        sale = dict(zip(COLUMNS["sales_window"], row, strict=True))
        gmv[sale["kol_id"], sale["currency"]] += int(sale["gmv_minor"])
    show = [row for row in ranks if (row["span"], row["ranked_by"]) == ("show", "net_gmv")]
    assert {(row["kol_id"], row["currency"]): row["gmv_minor"] for row in show} == gmv
    assert sum(int(row["views"]) for row in show) > 0
