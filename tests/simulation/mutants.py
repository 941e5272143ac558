"""The protocol with one step left out, or in the wrong place.

Each mutant changes the real code in one point. The simulation must fail with every one of them:
otherwise it would not see that mistake either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final
from unittest.mock import patch

from faust.types import TP

from agents import pipeline as pipeline_module
from agents.pipeline import Pipeline
from agents.restore import Checkpoints, Place, read_ledger
from agents.sink import Parts, Sink
from agents.transport import LogBounds
from schemas.rows import COLUMNS
from streams.batch import Batch
from streams.catalog import PLAIN_FOLDS
from streams.cells import pack_cells
from streams.columns import joined
from streams.dedup import RecentIds
from streams.fold import AnyBatch, Counts, PartitionFold, Restored, Rows, Taken
from streams.sales import SalesFold
from tests.simulation.process import Protocol
from tests.simulation.store import Row, SimStore

_BEYOND: Final = 2**62
_BOOKS: Final = frozenset({"sales_window", "ledger"})


@dataclass(frozen=True)
class Mutant:
    """A mistake.

    Attributes:
        protocol: the pipeline, sink or store with the mistake in it.
        patches: ``(class or module, attribute, wrong value)`` of the core.
    """

    protocol: Protocol = field(default_factory=Protocol)
    patches: tuple[tuple[Any, str, Any], ...] = ()

    @contextmanager
    def applied(self) -> Iterator[Protocol]:
        """The code under test, with the core changed while the block runs."""
        with ExitStack() as changes:
            for owner, name, wrong in self.patches:
                changes.enter_context(patch.object(owner, name, wrong))
            yield self.protocol


# --- the order of the steps -------------------------------------------------------------------


class Steps(Pipeline):
    """The protocol as a list of steps, for others to change."""

    order: ClassVar[tuple[str, ...]] = (
        "take",
        "rows",
        "messages",
        "checkpoints",
        "acknowledgements",
    )

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        #: What a step works on that comes before its time: what the flush before has left.
        self._taken: list[tuple[PartitionFold, Taken]] = []

    async def _flush(self) -> None:
        self._unflushed = 0
        self._room.set()
        for step in self.order:
            if step == "take":
                dirty = [fold for fold in self.folds.values() if fold.is_dirty]
                self._taken = [(fold, fold.take()) for fold in dirty]
            elif self._taken:
                await self._do(step, [taken for _, taken in self._taken])

    async def _do(self, step: str, taken: Sequence[Taken]) -> None:
        if step == "rows":
            await self._sink.write_rows(taken)
        elif step == "messages":
            assert self.publish is not None
            await self.publish(taken)
        elif step == "checkpoints":
            await self._sink.write_checkpoints(taken)
        else:
            self._acknowledge([one for fold, one in self._taken if self._holds(fold)])


def _steps(*order: str) -> Mutant:
    return Mutant(Protocol(pipeline=type("Mutant", (Steps,), {"order": order})))


def _without_step(step: str) -> Mutant:
    return _steps(*(one for one in Steps.order if one != step))


def _swapped(step: str) -> Mutant:
    """A step comes after the one that follows it."""
    order = list(Steps.order)
    at = order.index(step)
    order[at : at + 2] = order[at + 1], step
    return _steps(*order)


# --- what a flush must not do -----------------------------------------------------------------


class GoesOnAfterAFailedFlush(Pipeline):
    """What a failed flush had taken is forgotten."""

    async def flush(self) -> None:
        """Flush whatever happened to the flush before."""
        async with self._flushing:
            if self._failed.done():
                await self._failed
            await self._flush()


class _NoLock:
    async def __aenter__(self) -> None:
        """Let everybody in."""

    async def __aexit__(self, *_: object) -> None:
        """Nobody waits."""


class TwoFlushesAtOnce(Pipeline):
    """A flush begins before the one before it has ended."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._flushing = _NoLock()  # type: ignore[assignment]


class AcknowledgesWhatIsFolded(Pipeline):
    """Positions in memory are acknowledged in place of those that are durable."""

    def _acknowledge(self, taken: Sequence[Taken]) -> None:
        super()._acknowledge(taken)
        for tp, fold in self.folds.items():
            if self._consumer is not None:
                self._consumer.acknowledge(tp, fold.next_offset)


class AcknowledgesForOthers(Pipeline):
    """What a flush took before its partition went away is acknowledged all the same."""

    def _holds(self, fold: PartitionFold) -> bool:
        return True


class NeverWaits(Pipeline):
    """Batches are folded however much waits for the store."""

    async def _fold(self, batch: AnyBatch) -> None:
        self._room.set()
        await super()._fold(batch)


# --- positions --------------------------------------------------------------------------------


class NeverOvertaken(Pipeline):
    """Records that another worker has folded count as never read, once they are deleted."""

    async def _skip_deleted(self, tp: TP, fold: PartitionFold, first: int) -> None:
        fold.skip_gap(first)


class KeepsWhatItLost(Pipeline):
    """A partition that went away stays in memory."""

    def _forget(self, tp: TP) -> None:
        """Keep it."""


class IgnoresTheOwnersBetween(Pipeline):
    """A partition that was another worker's meanwhile goes on where it was left."""

    async def _positions(self, partitions: Iterable[TP], log: LogBounds) -> Mapping[TP, int]:
        flushed = self.flushed
        self.flushed = dict.fromkeys(self.folds, _BEYOND)
        try:
            return await super()._positions(partitions, log)
        finally:
            self.flushed = {
                **flushed,
                **{tp: at for tp, at in self.flushed.items() if at < _BEYOND},
            }


class ReadsEverythingBack(Pipeline):
    """Every rebalance loads every partition anew."""

    async def _positions(self, partitions: Iterable[TP], log: LogBounds) -> Mapping[TP, int]:
        self.folds.clear()
        return await super()._positions(partitions, log)


class StartsAnew(Pipeline):
    """Checkpoints are not loaded; every partition begins at its beginning."""

    def _restore(self, fold: PartitionFold, restored: Restored) -> None:
        """Leave the fold empty."""


class SeeksToTheDurable(Pipeline):
    """A partition that stays goes on where it was last flushed, not where its fold is."""

    async def positions(self, partitions: Iterable[TP], log: LogBounds) -> Mapping[TP, int]:
        """Positions as the checkpoints have them."""
        right = await super().positions(partitions, log)
        for tp in right:
            self.folds[tp].next_offset = self.flushed[tp]
        return {tp: self.flushed[tp] for tp in right}


class AcknowledgesWhereItSeeks(Pipeline):
    """After a rebalance what is in memory counts as durable."""

    async def positions(self, partitions: Iterable[TP], log: LogBounds) -> Mapping[TP, int]:
        """The right positions, which are taken for durable."""
        right = await super().positions(partitions, log)
        self.flushed = dict(right)
        return right


class StartsOneTooFar(Pipeline):
    """The first record after the checkpoint is passed over."""

    async def positions(self, partitions: Iterable[TP], log: LogBounds) -> Mapping[TP, int]:
        """Positions that are one too high."""
        right = await super().positions(partitions, log)
        for fold in self.folds.values():
            fold.next_offset += 1
        return {tp: position + 1 for tp, position in right.items()}


class PassesOverGaps(Pipeline):
    """Records that retention deleted are not counted."""

    async def _check_bounds(self, tp: TP, first: int, end: int, log: LogBounds) -> None:
        gap = self.folds[tp].counts.gap
        await super()._check_bounds(tp, first, end, log)
        self.folds[tp].counts.gap = gap


# --- asking the ledger ------------------------------------------------------------------------


class AsksBeforeItWrote(Pipeline):
    """The ledger is asked for entries that are still in memory."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._folding: set[asyncio.Task[Any] | None] = set()

    async def _fold(self, batch: AnyBatch) -> None:
        self._folding.add(asyncio.current_task())
        try:
            await super()._fold(batch)
        finally:
            self._folding.discard(asyncio.current_task())

    async def flush(self) -> None:
        """Flush, but not for the sake of a question."""
        if asyncio.current_task() not in self._folding:
            await super().flush()


class AsksAfterItFolded(Sink):
    """The ledger's answer comes too late: the batch is folded without it."""

    async def known(
        self, topic: str, partition: int, below: int, asked: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], int]:
        """Ask, and have nothing yet."""
        await super().known(topic, partition, below, asked)
        return {}


class KnowsTheFuture(Sink):
    """Entries that were accepted after the batch count as accepted before it."""

    async def known(
        self, topic: str, partition: int, below: int, asked: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], int]:
        """What the ledger holds, however late."""
        return await super().known(topic, partition, _BEYOND, asked)


class KnowsNothing(Sink):
    """The ledger is not asked."""

    async def known(
        self, topic: str, partition: int, below: int, asked: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], int]:
        """Nothing."""
        return {}


# --- writing ----------------------------------------------------------------------------------


class BooksFirst(Sink):
    """Sales and ledger come first; whoever compares the two sees one without the other for long."""

    async def write_rows(self, taken: Sequence[Taken]) -> None:
        """The books, then all the rest."""
        await super().write_rows([replace(one, rows=_only(one, _BOOKS)) for one in taken])
        others = COLUMNS.keys() - _BOOKS
        await super().write_rows([replace(one, rows=_only(one, others)) for one in taken])


def _only(taken: Taken, tables: Collection[str]) -> Rows:
    return {table: rows for table, rows in taken.rows.items() if table in tables}


def _leaves_out(left_out: str) -> Mutant:
    class LeavesOut(Sink):
        async def _insert(self, table: str, parts: Parts) -> None:
            if table != left_out:
                await super()._insert(table, parts)

    return Mutant(Protocol(sink=LeavesOut))


class IdsAfterTheCheckpoint(Sink):
    """The checkpoint names ids that are not there yet."""

    async def write_checkpoints(self, taken: Sequence[Taken]) -> None:
        """The checkpoints first."""
        self._held: Parts = ()
        await super().write_checkpoints(taken)
        await super()._insert("checkpoint_link", self._held)

    async def _insert(self, table: str, parts: Parts) -> None:
        if table == "checkpoint_link":
            self._held = parts
        else:
            await super()._insert(table, parts)


class ForgetsToTryAgain(Sink):
    """An insert that failed counts as done."""

    async def _insert(self, table: str, parts: Parts) -> None:
        columns = dict(zip(COLUMNS[table], joined(parts), strict=True))

        def once() -> None:
            try:
                self._store.insert(table, columns)
            except Exception:
                self._metrics.store_retries.inc()

        await self._call(once)


# --- restoring --------------------------------------------------------------------------------


def _restores(change: Callable[[Restored], Restored]) -> Mutant:
    class RestoresWrong(Sink):
        def _restore(self, checkpoints: Checkpoints) -> dict[Place, Restored]:
            found = super()._restore(checkpoints)
            return {place: change(restored) for place, restored in found.items()}

    return Mutant(Protocol(sink=RestoresWrong))


class RestoresTheFuture(Sink):
    """Ledger entries beyond the checkpoint are restored: their replay counts as duplicates."""

    def _restore(self, checkpoints: Checkpoints) -> dict[Place, Restored]:
        found = super()._restore(checkpoints)
        for place, restored in found.items():
            if place[0] == SalesFold.topic.name:
                ledger = read_ledger(self._store, {place[1]: _BEYOND})[place[1]]
                since = restored.state["dedup"]["previous_from"]
                found[place] = replace(
                    restored, entries=[entry for entry in ledger if entry.offset >= since]
                )
        return found


def _without(restored: Restored, name: str, value: Any) -> Restored:
    return replace(restored, state={**restored.state, name: value})


def _only_current(restored: Restored) -> Restored:
    since = restored.state["dedup"].get("current_from", 0)
    return replace(restored, entries=[one for one in restored.entries if one.offset >= since])


def _no_counts(restored: Restored) -> Restored:
    return replace(restored, counts=Counts())


# --- the store --------------------------------------------------------------------------------


def _last_insert_wins(*tables: str) -> Mutant:
    class Unversioned(SimStore):
        def replaces(self, table: str, before: Row, row: Row) -> bool:
            return table in tables or super().replaces(table, before, row)

    return Mutant(Protocol(store=Unversioned))


class OldestCheckpointWins(SimStore):
    """A worker goes on from the first checkpoint there ever was."""

    def position(self, topic: str, partition: int) -> int:
        """The newest, as ever, for those who only compare."""
        return max((row[2] for key, row in self._seen() if key == (topic, partition)), default=0)

    def _seen(self) -> Iterable[tuple[Row, Row]]:
        return ((key, row) for (table, key, _), row in self._versions.items() if table in _MARKS)

    def replaces(self, table: str, before: Row, row: Row) -> bool:
        """The first one stays."""
        return table not in _MARKS and super().replaces(table, before, row)


_MARKS: Final[Collection[str]] = ("checkpoint",)


# --- the core ---------------------------------------------------------------------------------

_take, _open = PartitionFold.take, PartitionFold.open


def _take_without_clearing(fold: PartitionFold) -> Taken:
    letters = fold._dead_letters
    taken = _take(fold)
    fold._dead_letters = letters
    return taken


def _take_without_advancing(fold: PartitionFold) -> Taken:
    position = fold._taken_until
    taken = _take(fold)
    fold._taken_until = position
    return taken


def _take_after_closing(fold: PartitionFold) -> Taken:
    for tally in fold.tallies.values():
        tally.drop_closed(fold.watermark)
    return _take(fold)


def _clear_without_taking(fold: PartitionFold) -> Taken:
    return replace(_take(fold), rows={})


def _open_over_gaps(fold: PartitionFold, batch: Batch) -> tuple[Batch, Sequence[Any]]:
    fold.next_offset = max(fold.next_offset, batch.start)
    return _open(fold, batch)


class VersionedByFlush(Sink):
    """The version of a row is the end of its flush, and not the last record in it."""

    async def write_rows(self, taken: Sequence[Taken]) -> None:
        """Raise the versions of all windows."""
        await super().write_rows([replace(one, rows=_raised(one)) for one in taken])


def _raised(taken: Taken) -> Rows:
    rows = dict(taken.rows)
    for table in ("activity_window", "sales_window", "product_window"):
        at = COLUMNS[table].index("version")
        rows[table] = [
            (*row[:at], taken.checkpoint.next_offset, *row[at + 1 :])
            for row in taken.rows.get(table, ())
        ]
    return rows


def _with(part: type[Pipeline | Sink | SimStore]) -> Mutant:
    if issubclass(part, Pipeline):
        return Mutant(Protocol(pipeline=part))
    if issubclass(part, Sink):
        return Mutant(Protocol(sink=part))
    return Mutant(Protocol(store=part))


def _core(owner: type, name: str, wrong: Any) -> Mutant:
    # The plain folds are the ones that can be patched; the columnar ones do the same (a property).
    plain = (pipeline_module, "FOLDS", PLAIN_FOLDS)
    return Mutant(patches=((owner, name, wrong), plain))


#: What the mistake is about → what the mistake is → the mistake.
MISTAKES: Final[dict[str, dict[str, Mutant]]] = {
    "1 take": {
        "left out": _without_step("take"),
        "after rows": _swapped("take"),
        "dead letters are not cleared": _core(PartitionFold, "take", _take_without_clearing),
        "the position is not moved": _core(PartitionFold, "take", _take_without_advancing),
        "cleared, and nothing handed over": _core(PartitionFold, "take", _clear_without_taking),
        "closed windows go first": _core(PartitionFold, "take", _take_after_closing),
        "two flushes at once": _with(TwoFlushesAtOnce),
        "another flush after one that failed": _with(GoesOnAfterAFailedFlush),
    },
    "2 insert rows": {
        "left out": _without_step("rows"),
        "after messages": _swapped("rows"),
        **{
            f"{table} left out": _leaves_out(table)
            for table in (
                "activity_window",
                "sales_window",
                "product_window",
                "audience_in",
                "ledger",
                "room_event",
                "dead_letter",
            )
        },
        "the books first": _with(BooksFirst),
        "an insert that failed counts as done": _with(ForgetsToTryAgain),
        "versions are the end of the flush": _with(VersionedByFlush),
        "an older window row wins": _last_insert_wins("sales_window", "activity_window"),
    },
    "3 publish": {
        "left out": _without_step("messages"),
        "after checkpoints": _swapped("messages"),
    },
    "4 write checkpoints": {
        "left out": _without_step("checkpoints"),
        "after acknowledgements": _swapped("checkpoints"),
        "before rows": _steps("take", "checkpoints", "rows", "messages", "acknowledgements"),
        "ids left out": _leaves_out("checkpoint_link"),
        "checkpoints left out, ids written": _leaves_out("checkpoint"),
        "ids after the checkpoint": _with(IdsAfterTheCheckpoint),
        "a zombie's checkpoint wins": _last_insert_wins("checkpoint"),
        "the oldest checkpoint wins": _with(OldestCheckpointWins),
    },
    "5 acknowledge": {
        "left out": _without_step("acknowledgements"),
        "before rows": _steps("take", "acknowledgements", "rows", "messages", "checkpoints"),
        "what is folded, not what is durable": _with(AcknowledgesWhatIsFolded),
        "for a partition that went away": _with(AcknowledgesForOthers),
        "what is folded, after a rebalance": _with(AcknowledgesWhereItSeeks),
    },
    "on assignment": {
        "the checkpoint is not loaded": _with(StartsAnew),
        "one record too far": _with(StartsOneTooFar),
        "to the last flush, with a fold beyond it": _with(SeeksToTheDurable),
        "a lost partition stays in memory": _with(KeepsWhatItLost),
        "another owner in between goes unnoticed": _with(IgnoresTheOwnersBetween),
        "everything is read back every time": _with(ReadsEverythingBack),
        "what another worker folded counts as a gap": _with(NeverOvertaken),
        "gaps are not counted": _with(PassesOverGaps),
        "overlapping batches are not trimmed": _core(Batch, "since", lambda batch, position: batch),
        "missing batches are passed over": _core(PartitionFold, "open", _open_over_gaps),
        "folding does not wait for the store": _with(NeverWaits),
    },
    "restore": {
        "ledger entries beyond the checkpoint": _with(RestoresTheFuture),
        "only the current generation": _restores(_only_current),
        "without older ledger entries": _restores(lambda one: replace(one, forgotten=())),
        "without ids": _restores(lambda one: replace(one, id_tail=())),
        "too few ids": _core(
            RecentIds, "tail_length", staticmethod(lambda size, admitted: admitted % size)
        ),
        "without open windows": _restores(lambda one: replace(one, cells=())),
        "only the newest open windows": _restores(lambda one: replace(one, cells=one.cells[-1:])),
        "only the first open windows": _restores(lambda one: replace(one, cells=one.cells[:1])),
        "open windows in the wrong order": _restores(
            lambda one: replace(one, cells=one.cells[::-1])
        ),
        "never all open windows": _core(
            PartitionFold,
            "_take_cells",
            lambda fold: (0, pack_cells(fold.snapshot(fold._taken_until))),
        ),
        "without the watermark": _restores(lambda one: _without(one, "newest_ms", 0)),
        "without counts": _restores(_no_counts),
    },
    "ask the ledger": {
        "left out": _with(KnowsNothing),
        "after the batch is folded": _with(AsksAfterItFolded),
        "before it is written": _with(AsksBeforeItWrote),
        "it answers from the future": _with(KnowsTheFuture),
    },
}

#: ``step: mistake`` → the mistake.
MUTANTS: Final = {
    f"{step}: {mistake}": mutant
    for step, mistakes in MISTAKES.items()
    for mistake, mutant in mistakes.items()
}
