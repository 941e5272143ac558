"""Open windows on their way into a checkpoint and out of it; and how long a chain of them becomes."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.rows import SALES_VALUES
from streams import fold as fold_module
from streams.batch import Batch
from streams.catalog import FOLDS
from streams.cells import Cells, pack_cells, unpack_cells
from streams.columnar.fold import CellTally
from streams.columnar.tables import Vocabulary
from streams.tally import Tally
from streams.windows import WindowPolicy
from tests.properties.model import ModelStore, Worker, by_key
from tests.properties.strategies import PLANS, Log, Step, logs
from tests.unit.streams.records import feed, like

numbers = (
    st.integers(-(2**63), 2**63 - 1)
    | st.integers(0, 300)
    | st.sampled_from([1 << bits for bits in (8, 16, 32)])
)
keys = st.tuples(
    *[st.sampled_from(("", "a", "b", "üñí", "x" * 300))] * 5,
    st.integers(0, 2**53),
    st.integers(0, 3),
)


@st.composite
def tables(draw: st.DrawFn) -> dict[Any, Any]:
    width = draw(st.integers(1, 4))
    cells = st.lists(numbers, min_size=width, max_size=width)
    return draw(st.dictionaries(keys, cells, max_size=8))


@given(st.dictionaries(st.sampled_from(("one", "other")), tables()))
def test_what_is_packed_comes_out_as_it_was(found: dict[str, dict[Any, Any]]) -> None:
    packed = pack_cells({table: Cells.of(cells) for table, cells in found.items()})
    assert by_key(unpack_cells(packed)) == {table: cells for table, cells in found.items() if cells}


cells_of_sales = st.dictionaries(
    st.tuples(*[st.sampled_from(("", "é"))] * 5, st.just(10_000), st.integers(0, 1)),
    st.lists(st.integers(0, 2**62), min_size=10, max_size=10),
    max_size=8,
)


@given(cells_of_sales, cells_of_sales, st.integers(0, 2**62))
def test_cells_put_in_take_the_place_of_those_with_the_same_keys(
    before: dict[Any, Any], now: dict[Any, Any], position: int
) -> None:
    plain = Tally(SALES_VALUES)
    columnar = CellTally("sales_window", len(SALES_VALUES), Vocabulary())
    expected = before | now
    for tally in (plain, columnar):
        for cells in (before, now):
            if cells:
                tally.put(Cells.of(cells))
        assert len(tally) == len(expected)
        assert by_key({"t": tally.snapshot()}).get("t", {}) == expected
        changed = {key: cell for key, cell in expected.items() if cell[0] >= position}
        assert tally.changed(position) == len(changed)
        assert by_key({"t": tally.snapshot(position)}).get("t", {}) == changed


@given(log=logs(), plan=PLANS)
def test_chain_holds_at_most_twice_what_is_open_in_a_bounded_number_of_links(
    log: Log, plan: list[Step]
) -> None:
    worker = Worker(log, ModelStore())
    for step in plan:
        worker.step(step)
        worker.flush()
        if worker.store.checkpoints:
            links = worker.store.restored(max(worker.store.checkpoints)).cells
            held = sum(cells.numbers.shape[1] for link in links for cells in link.values())
            assert held <= 2 * worker.fold.open_windows


def test_chain_begins_anew_when_it_holds_more_than_twice_what_is_open() -> None:
    fold = FOLDS["live.likes"](0, WindowPolicy())
    since = []
    for offset in range(6):
        feed(fold, like(1 + offset / 1_000))
        since.append(fold.take().checkpoint.cells_since)
        assert fold.open_windows == 1
        assert fold.next_offset == offset + 1
    assert since == [0, 0, 2, 2, 4, 4]


def test_chain_without_anything_new_begins_anew_now_and_then() -> None:
    fold = FOLDS["live.likes"](0, WindowPolicy())
    since = []
    for offset in range(3 * fold_module._MOST_LINKS):
        batch = Batch("live.likes", 0, offset, offset + 1, [offset], [0], [b"{}"], [None])
        fold.fold(batch)
        since.append(fold.take().checkpoint.cells_since)
    most = fold_module._MOST_LINKS
    assert since == [0] * most + [most] * most + [2 * most] * most


@given(log=logs(), plan=PLANS)
def test_restored_fold_begins_a_chain_of_its_own(log: Log, plan: list[Step]) -> None:
    store = ModelStore()
    Worker(log, store).run(plan)
    for at in sorted(store.checkpoints):
        again = Worker(log, store, at)
        again.fold.skip_gap(at + 1)
        checkpoint = again.fold.take().checkpoint
        assert checkpoint.cells_since == checkpoint.previous_offset == at
        assert by_key(unpack_cells(checkpoint.cells)) == by_key(again.fold.snapshot())


def test_a_column_of_equal_numbers_takes_no_room() -> None:
    some: dict[Any, Any] = {("a", n * 10_000, 0): [n, 7, 2**60] for n in range(10_000)}
    other: dict[Any, Any] = {("a", n * 10_000, 0): [n, 7, 2**60 + n % 2] for n in range(10_000)}
    short, longer = (len(pack_cells({"t": Cells.of(cells)})) for cells in (some, other))
    assert longer - short == 4 * -(-10_000 // 3)
    assert short < 10_000 * (2 + 4) * 4 / 3 + 300
