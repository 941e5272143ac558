"""Reading the state behind checkpoints back, when others have written into the chain as well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from agents.restore import BrokenChainError, StoredCheckpoint, read_cells, read_memory
from schemas.store import Params, Row
from streams.cells import Cells, pack_cells
from streams.fold import STATE_VERSION, Counts

PLACE = ("live.likes", 3)
TABLE = "activity_window"


def cells(**versions: int) -> dict[str, Cells]:
    """Cells by room, with the offset of their last record."""
    return {TABLE: Cells.of({(room, 0, 0): [at, 1] for room, at in versions.items()})}


class Links:
    """A store that holds links, and counts what it is asked for."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, Any]] = {}
        self.asked: list[tuple[int, int]] = []

    def write(self, since: int, previous: int, upto: int, **versions: int) -> None:
        self.rows[upto] = {
            "kafka_topic": PLACE[0],
            "kafka_partition": PLACE[1],
            "next_offset": upto,
            "previous_offset": previous,
            "cells_since": since,
            "cells": pack_cells(cells(**versions)).decode(),
        }

    def query(self, sql: str, params: Params | None = None) -> list[Row]:
        assert params is not None
        above, upto = params["above0"], params["upto0"]
        assert isinstance(above, int)
        assert isinstance(upto, int)
        self.asked.append((above, upto))
        return [row for at, row in self.rows.items() if above < at <= upto]

    def ensure_schema(self) -> None: ...
    def insert(self, table: str, columns: Mapping[str, Any]) -> None: ...
    def close(self) -> None: ...


def checkpoint(at: int, **state: Any) -> StoredCheckpoint:
    return StoredCheckpoint(at, Counts(), {"v": STATE_VERSION, "dedup": {"admitted": 0}, **state})


def read(store: Links, at: int) -> list[dict[Any, Any]]:
    found = read_cells(store, {PLACE: checkpoint(at)})[PLACE]
    return [link[TABLE].by_key() for link in found]


def by_room(**versions: int) -> dict[Any, Any]:
    return cells(**versions)[TABLE].by_key()


def test_links_from_the_newest_one_with_all_windows_are_read_in_two_questions() -> None:
    store = Links()
    store.write(0, 0, 10, a=9)
    store.write(10, 10, 20, a=19, b=15)
    store.write(10, 20, 30, b=25)
    store.write(10, 30, 40, c=35)
    assert read(store, 40) == [by_room(a=19, b=15), by_room(b=25), by_room(c=35)]
    assert store.asked == [(39, 40), (10, 30)]


def test_one_link_with_all_windows_is_enough() -> None:
    store = Links()
    store.write(10, 10, 20, a=19)
    assert read(store, 20) == [by_room(a=19)]


def test_link_of_a_worker_that_lost_the_partition_leads_to_where_that_one_began() -> None:
    store = Links()
    store.write(0, 0, 10, a=9, b=8)
    store.write(0, 10, 20, a=19)
    # A new owner restored 20 and began anew; the old one wrote 30 in the place of the new one's.
    store.write(20, 20, 30, a=19, b=8, c=29)
    store.write(20, 30, 40, c=39)
    store.write(0, 20, 30, c=29)
    assert read(store, 40) == [by_room(a=9, b=8), by_room(a=19), by_room(c=29), by_room(c=39)]


def test_missing_link_is_an_error_and_not_an_empty_window() -> None:
    store = Links()
    store.write(0, 0, 10, a=9)
    store.write(0, 20, 30, b=29)
    with pytest.raises(BrokenChainError, match=r"live.likes/3: the open windows .* offset 20"):
        read(store, 30)
    with pytest.raises(BrokenChainError, match="offset 40"):
        read(store, 40)


def test_state_of_another_layout_is_left_for_the_fold_to_refuse() -> None:
    store = Links()
    found = read_memory(store, {PLACE: checkpoint(30, v=STATE_VERSION - 1)}, 10)
    assert (found[PLACE].next_offset, found[PLACE].cells, store.asked) == (30, (), [])
