"""The protocol with one step left out, or in the wrong place.

Each mutant changes the real code in one point. The simulation must fail with every one of them:
otherwise it would not see that mistake either.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final

from faust.types import TP

from agents.pipeline import Pipeline
from agents.restore import Checkpoints, Place, read_ledger
from agents.sink import Sink
from agents.transport import LogBounds
from schemas.rows import COLUMNS
from streams.batch import Batch
from streams.dedup import RecentIds
from streams.fold import PartitionFold, Restored, Taken
from streams.sales import SalesFold
from tests.simulation.process import Protocol
from tests.simulation.store import Row, SimStore

_BEYOND: Final = 2**62


@dataclass(frozen=True)
class Mutant:
    """A mistake.

    Attributes:
        protocol: the pipeline, sink or store with the mistake in it.
        patches: ``(class, attribute, wrong value)`` of the core.
    """

    protocol: Protocol = field(default_factory=Protocol)
    patches: tuple[tuple[type, str, Any], ...] = ()


# --- the order of the steps -------------------------------------------------------------------


class Steps(Pipeline):
    """The protocol as a list of steps, for others to change."""

    order: ClassVar[tuple[str, ...]] = ("rows", "messages", "checkpoints", "acknowledgements")

    async def _flush(self) -> None:
        self._unflushed = 0
        self._room.set()
        taken = [fold.take() for fold in self.folds.values() if fold.is_dirty]
        for step in self.order if taken else ():
            if step == "rows":
                await self._sink.write_rows(taken)
            elif step == "messages" and self.publish is not None:
                await self.publish(taken)
            elif step == "checkpoints":
                await self._sink.write_checkpoints(taken)
            elif step == "acknowledgements":
                self._acknowledge(taken)


def _steps(*order: str) -> Mutant:
    return Mutant(Protocol(pipeline=type("Mutant", (Steps,), {"order": order})))


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


# --- positions --------------------------------------------------------------------------------


class NeverOvertaken(Pipeline):
    """Records that another worker has folded count as never read, once they are deleted."""

    async def _skip_deleted(self, tp: TP, fold: PartitionFold, first: int) -> None:
        fold.skip_gap(first)


class KeepsWhatItLost(NeverOvertaken):
    """A partition that went away is still in memory when it comes back."""

    def _forget(self, tp: TP) -> None:
        """Keep it."""


class IgnoresTheOwnersBetween(NeverOvertaken):
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

    async def _fold(self, batch: Batch) -> None:
        await self._room.wait()
        tp = TP(batch.topic, batch.partition)
        fold = self.folds.get(tp)
        if fold is not None:
            opened, events = fold.open(batch)
            asked = fold.unknown(events)
            known = await self._sink.known(tp.topic, tp.partition, opened.start, asked)
            fold.apply(opened, events, known)


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


def _leaves_out(table: str) -> Mutant:
    class LeavesOut(Sink):
        async def _insert(self, into: str, rows: Sequence[Any]) -> None:
            if into != table:
                await super()._insert(into, rows)

    return Mutant(Protocol(sink=LeavesOut))


class IdsAfterTheCheckpoint(Sink):
    """The checkpoint names ids that are not there yet."""

    async def write_checkpoints(self, taken: Sequence[Taken]) -> None:
        """The checkpoints first."""
        self._held: Sequence[Any] = ()
        await super().write_checkpoints(taken)
        await super()._insert("checkpoint_ids", self._held)

    async def _insert(self, table: str, rows: Sequence[Any]) -> None:
        if table == "checkpoint_ids":
            self._held = rows
        else:
            await super()._insert(table, rows)


class ForgetsToTryAgain(Sink):
    """An insert that failed counts as done."""

    async def _insert(self, table: str, rows: Sequence[Any]) -> None:
        columns = dict(zip(COLUMNS[table], zip(*rows, strict=True), strict=True))

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


def _no_cells(restored: Restored) -> Restored:
    return _without(restored, "cells", dict.fromkeys(restored.state["cells"], ()))


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

_take, _open, _window_row = PartitionFold.take, PartitionFold.open, PartitionFold._window_row


def _take_without_clearing(fold: PartitionFold) -> Taken:
    rows, letters = fold._rows, fold._dead_letters
    taken = _take(fold)
    fold._rows, fold._dead_letters = rows, letters
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


def _versioned_by_flush(fold: PartitionFold, key: Any, cell: list[int]) -> Any:
    return _window_row(fold, key, [fold.next_offset, *cell[1:]])


def _never_newer(fold: PartitionFold, key: Any, cell: list[int]) -> Any:
    return _window_row(fold, key, [0, *cell[1:]])


MUTANTS: Final[dict[str, Mutant]] = {
    # the order of the steps
    "rows are not written": _steps("messages", "checkpoints", "acknowledgements"),
    "messages are not sent": _steps("rows", "checkpoints", "acknowledgements"),
    "checkpoints are not written": _steps("rows", "messages", "acknowledgements"),
    "nothing is acknowledged": _steps("rows", "messages", "checkpoints"),
    "messages before rows": _steps("messages", "rows", "checkpoints", "acknowledgements"),
    "checkpoints before messages": _steps("rows", "checkpoints", "messages", "acknowledgements"),
    "checkpoints before rows": _steps("checkpoints", "rows", "messages", "acknowledgements"),
    "acknowledged before checkpoints": _steps(
        "rows", "messages", "acknowledgements", "checkpoints"
    ),
    "acknowledged first": _steps("acknowledgements", "rows", "messages", "checkpoints"),
    # step 1: take
    "take does not clear": Mutant(patches=((PartitionFold, "take", _take_without_clearing),)),
    "take does not advance": Mutant(patches=((PartitionFold, "take", _take_without_advancing),)),
    "take clears and hands over nothing": Mutant(
        patches=((PartitionFold, "take", _clear_without_taking),)
    ),
    "closed windows go before they are taken": Mutant(
        patches=((PartitionFold, "take", _take_after_closing),)
    ),
    "flushes overlap": Mutant(Protocol(pipeline=TwoFlushesAtOnce)),
    "a failed flush is followed by another": Mutant(Protocol(pipeline=GoesOnAfterAFailedFlush)),
    # step 2: rows
    **{
        f"{table} is left out": _leaves_out(table)
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
    "a failed insert counts as done": Mutant(Protocol(sink=ForgetsToTryAgain)),
    "the version is the end of the flush": Mutant(
        patches=((PartitionFold, "_window_row", _versioned_by_flush),)
    ),
    "the version never grows": Mutant(patches=((PartitionFold, "_window_row", _never_newer),)),
    "an older window row wins": _last_insert_wins("sales_window", "activity_window"),
    # step 4: checkpoints
    "ids are left out": _leaves_out("checkpoint_ids"),
    "ids after the checkpoint": Mutant(Protocol(sink=IdsAfterTheCheckpoint)),
    "a zombie's checkpoint wins": _last_insert_wins("checkpoint"),
    "the oldest checkpoint wins": Mutant(Protocol(store=OldestCheckpointWins)),
    # step 5: acknowledgements
    "what is folded is acknowledged": Mutant(Protocol(pipeline=AcknowledgesWhatIsFolded)),
    # going on
    "a lost partition stays in memory": Mutant(Protocol(pipeline=KeepsWhatItLost)),
    "what another worker folded counts as a gap": Mutant(Protocol(pipeline=NeverOvertaken)),
    "an owner in between goes unnoticed": Mutant(Protocol(pipeline=IgnoresTheOwnersBetween)),
    "a worker starts one record too far": Mutant(Protocol(pipeline=StartsOneTooFar)),
    "gaps are not counted": Mutant(Protocol(pipeline=PassesOverGaps)),
    "overlapping batches are not trimmed": Mutant(
        patches=((Batch, "since", lambda batch, position: batch),)
    ),
    "missing batches are passed over": Mutant(patches=((PartitionFold, "open", _open_over_gaps),)),
    "ledger entries beyond the checkpoint are restored": Mutant(Protocol(sink=RestoresTheFuture)),
    "only the current generation is restored": _restores(_only_current),
    "older ledger entries are not restored": _restores(lambda one: replace(one, forgotten=())),
    "ids are not restored": _restores(lambda one: replace(one, id_tail=())),
    "open windows are not restored": _restores(_no_cells),
    "the watermark is not restored": _restores(lambda one: _without(one, "newest_ms", 0)),
    "too few ids are restored": Mutant(
        patches=((RecentIds, "tail_length", staticmethod(lambda size, admitted: admitted % size)),)
    ),
    # old orders
    "the ledger is not asked": Mutant(Protocol(sink=KnowsNothing)),
    "the ledger is asked before it is written": Mutant(Protocol(pipeline=AsksBeforeItWrote)),
    "the ledger answers from the future": Mutant(Protocol(sink=KnowsTheFuture)),
}
