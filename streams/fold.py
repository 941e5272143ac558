"""The fold: batches of one partition in, rows out.

One :class:`PartitionFold` holds everything that is known about one (topic, partition): the open
windows as absolute values, the watermark, the dedup memory and the counts. It is fed batches in
offset order and drained by :meth:`PartitionFold.take`. Four things hold, and property tests prove
them:

- any split of the records into batches, and any moments of ``take``, give the same final rows;
- folding again from any checkpoint gives the same rows;
- every record is folded, recognised as a duplicate, or dead-lettered: the counts add up;
- what is held is bounded by the open windows and the dedup memory.

Each topic subclasses it and says only what one event adds to which cell.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple, NoReturn

import orjson

from schemas.events import Event
from schemas.keys import fits_room
from schemas.rows import ACTIVITY_VALUES, PRODUCT_VALUES, SALES_VALUES
from schemas.topics import Topic
from streams.batch import Batch, PackedBatch
from streams.cells import Cells, pack_cells
from streams.columns import Block
from streams.decode import Decoder, Rejected
from streams.dedup import Entry, Ids, Known, RecentIds
from streams.tally import Tally
from streams.windows import Watermark, WindowPolicy

Row = tuple[str | int, ...]
#: table → rows, each in the order of ``schemas.rows.COLUMNS``.
Rows = dict[str, Sequence[Row] | Block]

#: The records of a batch, with an object each or without.
AnyBatch = Batch | PackedBatch

_MINUTE_MS = 60_000
#: Layout of the checkpoint's state; a worker refuses one that it does not know.
STATE_VERSION = 4

#: A chain of checkpoints begins anew after so many links, or when it holds so many cells for each
#: that is open: what a restart reads is bounded, and what is written is little more than what changed.
_MOST_LINKS = 64
_MOST_COPIES = 2

_VALUES = {
    "activity_window": ACTIVITY_VALUES,
    "sales_window": SALES_VALUES,
    "product_window": PRODUCT_VALUES,
}


class BrokenFlowError(Exception):
    """Records between two batches are missing: the flow must be stopped, not mended."""


class IncompatibleStateError(Exception):
    """A checkpoint was written with other settings or by another version."""


@dataclass(slots=True)
class Counts:
    """What became of the records of a partition since offset 0.

    ``consumed = folded + duplicates + dead_lettered``; ``late`` is a part of ``folded``; ``gap``
    counts offsets that retention deleted before they were read.
    """

    consumed: int = 0
    folded: int = 0
    duplicates: int = 0
    dead_lettered: int = 0
    late: int = 0
    gap: int = 0


class DeadLetter(NamedTuple):
    """A record that could not be folded, as it was, and why."""

    offset: int
    appended_ms: int
    reason: str
    detail: str
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a partition stands: enough to go on from ``next_offset`` as if nothing had happened."""

    topic: str
    partition: int
    next_offset: int
    watermark_ms: int
    counts: Counts
    state: bytes
    #: Position of the checkpoint before this one, and the id hashes admitted in between.
    previous_offset: int
    fresh_ids: Ids
    #: Open windows that changed since the checkpoint at ``cells_since``, as ``streams.cells`` packs
    #: them; all of them where that is the one before this one.
    cells_since: int
    cells: bytes


@dataclass(frozen=True, slots=True)
class Taken:
    """What one ``take`` hands to the sink."""

    rows: Rows
    dead_letters: list[DeadLetter]
    checkpoint: Checkpoint
    #: Broker timestamp of the oldest record in it, epoch milliseconds; 0 where there is none.
    appended_ms: int


@dataclass(frozen=True, slots=True)
class Restored:
    """What a store gives back for :meth:`PartitionFold.restore`."""

    next_offset: int
    counts: Counts
    state: Mapping[str, Any]
    #: Open windows: table → cells, of the checkpoint that had all of them and those after it, in
    #: their order.
    cells: Sequence[Mapping[str, Cells]] = field(default=())
    #: For topics with :class:`RecentIds`: the tail of admitted hashes.
    id_tail: Ids = field(default=())
    #: For purchases: the ledger's entries below ``next_offset``, in offset order.
    entries: Sequence[Entry] = field(default=())
    #: For purchases: ``(kind, id)`` of the ledger's entries before those.
    forgotten: Iterable[tuple[str, str]] = field(default=())


@dataclass(slots=True)
class _Chain:
    """What was handed over since the last checkpoint with all open windows.

    Attributes:
        since: position of the checkpoint before that one.
        cells: how many, all in all.
        links: in how many checkpoints.
    """

    since: int
    cells: int
    links: int


class PartitionFold(ABC):
    """Everything known about one partition. Pure: no I/O, no clock.

    Args:
        partition: the partition.
        policy: window policy; the same for the life of the database.
        next_offset: position to begin at.
    """

    topic: ClassVar[Topic]
    #: The window tables this topic writes.
    tables: ClassVar[tuple[str, ...]] = ()
    #: Event class → name of the method that folds it.
    handlers: ClassVar[Mapping[type[Event], str]] = {}
    #: What a record weighs until it is flushed: how many records of a fold in columns take the same
    #: memory. Here rows are Python objects, about a kilobyte each.
    weight: ClassVar[int] = 8

    def __init__(self, partition: int, policy: WindowPolicy, next_offset: int = 0) -> None:
        self.partition = partition
        self.policy = policy
        self.next_offset = next_offset
        self.watermark = Watermark(policy)
        self.counts = Counts()
        self.tallies = self._new_tallies({table: _VALUES[table] for table in self.tables})
        self._decode = Decoder(self.topic)
        self._handlers: dict[type[Event], Callable[[Any, int, int, int], None]] = {
            event: getattr(self, name) for event, name in self.handlers.items()
        }
        self._rows: dict[str, list[Row]] = defaultdict(list)
        self._people: set[tuple[str, str, str, int, str]] = set()
        self._dead_letters: list[DeadLetter] = []
        self._taken_until = next_offset
        self._appended_ms = 0
        #: None until the first take, also of a restored fold: what another worker has written, and
        #: may still write, is no part of its chain.
        self._chain: _Chain | None = None

    def _new_tallies(self, values: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        return {table: Tally(columns) for table, columns in values.items()}

    # --- folding -----------------------------------------------------------------------------

    def open(self, batch: AnyBatch) -> tuple[Any, Any]:
        """Trim what was folded before, and decode the rest.

        Returns:
            The trimmed batch and what :meth:`unknown` and :meth:`apply` want of it.

        Raises:
            BrokenFlowError: the batch begins above what was folded; going on would lose records.
        """
        trimmed = self._trim(batch).unpacked()
        return trimmed, self._decode(trimmed.values)

    def _trim(self, batch: AnyBatch) -> AnyBatch:
        if batch.start > self.next_offset:
            raise BrokenFlowError(
                f"{batch.topic}/{batch.partition}: expected offset {self.next_offset}, "
                f"but the next batch begins at {batch.start}"
            )
        return batch.since(self.next_offset)

    def unknown(self, events: Any) -> list[tuple[str, str]]:
        """The ``(kind, id)`` that only the ledger can tell to be new; mostly none."""
        return []

    def apply(self, batch: Any, events: Any, known: Known | None = None) -> None:
        """Fold a batch that :meth:`open` returned.

        Args:
            batch: the trimmed batch.
            events: its decoded records, as :meth:`open` returned them.
            known: what the ledger holds of :meth:`unknown`.
        """
        known = known or {}
        counts, handlers, keys = self.counts, self._handlers, batch.keys
        place, max_ahead_ms = self.watermark.place, self.policy.max_ahead_ms
        dead = duplicates = 0
        for index, event in enumerate(events):
            offset = batch.offsets[index]
            if isinstance(event, Rejected):
                self._bury(batch, index, event)
                dead += 1
                continue
            occurred_at_ms = event.occurred_at_ms
            if occurred_at_ms > batch.appended_ms[index] + max_ahead_ms:
                ahead_ms = occurred_at_ms - batch.appended_ms[index]
                self._bury(batch, index, Rejected("too_far_ahead", f"{ahead_ms} ms ahead"))
                dead += 1
                continue
            key = keys[index]
            # Nearly every key is the bare room; the call is for the others.
            if key != event.room_id.encode() and not fits_room(key, event.room_id):
                self._bury(batch, index, Rejected("wrong_key", f"the key is {key!r:.100}"))
                dead += 1
                continue
            verdict = self.admit(event, offset, known)
            if verdict is not True:
                if verdict is False:
                    duplicates += 1
                else:
                    self._bury(batch, index, verdict)
                    dead += 1
                continue
            window_ms, late_slice = place(occurred_at_ms)
            handlers[type(event)](event, window_ms, late_slice, offset)
        counts.consumed += len(events)
        counts.dead_lettered += dead
        counts.duplicates += duplicates
        counts.late = self.watermark.late
        counts.folded += len(events) - dead - duplicates
        self._went_on(batch)

    def _went_on(self, batch: AnyBatch) -> None:
        if len(batch) and not self._appended_ms:
            self._appended_ms = int(batch.appended_ms[0])
        self.next_offset = max(self.next_offset, batch.next_offset)

    def fold(self, batch: AnyBatch) -> None:
        """Open and apply, for callers without a ledger to ask."""
        opened, events = self.open(batch)
        self.unknown(events)
        self.apply(opened, events)

    def skip_gap(self, until: int) -> None:
        """Go on at ``until``: retention deleted the records below it. They are counted."""
        if until > self.next_offset:
            self.counts.gap += until - self.next_offset
            self.next_offset = until

    @abstractmethod
    def admit(self, event: Event, offset: int, known: Known) -> bool | Rejected:
        """``True`` for a new event, ``False`` for a duplicate, or why it is refused."""

    def _bury(self, batch: AnyBatch, index: int, why: Rejected) -> None:
        self._dead_letters.append(
            DeadLetter(
                offset=int(batch.offsets[index]),
                appended_ms=int(batch.appended_ms[index]),
                reason=why.reason,
                detail=why.detail,
                key=batch.key(index),
                value=batch.value(index),
            )
        )

    def met(
        self, room_id: str, role: str, occurred_at_ms: int, user_id: str, kol_id: str = ""
    ) -> None:
        """Note that a person was there, in that role, in that minute."""
        minute = (occurred_at_ms - occurred_at_ms % _MINUTE_MS) // 1_000
        self._people.add((room_id, kol_id, role, minute, user_id))

    # --- draining ----------------------------------------------------------------------------

    @property
    def is_dirty(self) -> bool:
        """Whether a ``take`` would hand over anything new."""
        return self.next_offset > self._taken_until

    @property
    def open_windows(self) -> int:
        """Window rows held in memory."""
        return sum(map(len, self.tallies.values()))

    @property
    @abstractmethod
    def remembered(self) -> int:
        """Ids held for duplicate recognition."""

    def take(self) -> Taken:
        """Hand over what changed since the last call, and the checkpoint that goes with it."""
        rows = self._take_rows()
        cells_since, cells = self._take_cells()
        taken = Taken(
            rows=rows,
            dead_letters=self._dead_letters,
            checkpoint=Checkpoint(
                topic=self.topic.name,
                partition=self.partition,
                next_offset=self.next_offset,
                watermark_ms=self.watermark.now_ms,
                counts=replace(self.counts),
                state=orjson.dumps(self._state()),
                previous_offset=self._taken_until,
                fresh_ids=self.take_fresh_ids(),
                cells_since=cells_since,
                cells=cells,
            ),
            appended_ms=self._appended_ms,
        )
        self._dead_letters = []
        self._taken_until, self._appended_ms = self.next_offset, 0
        return taken

    def _take_rows(self) -> Rows:
        rows: Rows = dict(self._take_windows())
        rows.update(self._rows)
        if self._people:
            rows["audience_in"] = list(self._people)
        self._rows, self._people = defaultdict(list), set()
        return rows

    def _take_windows(self) -> Iterator[tuple[str, Sequence[Row] | Block]]:
        for table, tally in self.tallies.items():
            changed = tally.rows_since(self._taken_until, self.topic.name, self.partition)
            if len(changed):
                yield table, changed
            tally.drop_closed(self.watermark)

    # --- checkpoint --------------------------------------------------------------------------

    def snapshot(self, position: int = 0) -> dict[str, Cells]:
        """The open windows into which a record at or above ``position`` was folded."""
        return {table: tally.snapshot(position) for table, tally in self.tallies.items()}

    def _take_cells(self) -> tuple[int, bytes]:
        """What is new in the open windows; all of them, once the chain has become long."""
        changed = sum(tally.changed(self._taken_until) for tally in self.tallies.values())
        chain = self._chain
        if (
            chain is None
            or chain.links == _MOST_LINKS
            or chain.cells + changed > _MOST_COPIES * self.open_windows
        ):
            self._chain = _Chain(self._taken_until, self.open_windows, 1)
            return self._taken_until, pack_cells(self.snapshot())
        chain.cells += changed
        chain.links += 1
        return chain.since, pack_cells(self.snapshot(self._taken_until))

    def take_fresh_ids(self) -> Ids:
        """The id hashes admitted since the last call; none where the ledger is the memory."""
        return []

    def dedup_state(self) -> dict[str, int]:
        """What a restored dedup memory must know besides its ids."""
        return {}

    @abstractmethod
    def restore_dedup(self, state: Mapping[str, int], restored: Restored) -> None:
        """Rebuild the dedup memory."""

    def _state(self) -> dict[str, Any]:
        return {
            "v": STATE_VERSION,
            "policy": _as_dict(self.policy),
            "newest_ms": self.watermark.newest_ms,
            "dedup": self.dedup_state(),
        }

    def restore(self, restored: Restored) -> None:
        """Go on from a checkpoint.

        Raises:
            IncompatibleStateError: it was written by another version or with another window policy,
                under which the same records would give other rows.
        """
        state = restored.state
        if state.get("v") != STATE_VERSION:
            _refuse(f"its layout is version {state.get('v')}, this worker knows {STATE_VERSION}")
        for name, value in _as_dict(self.policy).items():
            before = state["policy"].get(name)
            if before != value:
                _refuse(f"it was written with {name}={before}, this worker has {name}={value}")
        self.next_offset = self._taken_until = restored.next_offset
        self.counts = replace(restored.counts)
        self.watermark = Watermark(self.policy, state["newest_ms"], late=self.counts.late)
        for link in restored.cells:
            for table, cells in link.items():
                self.tallies[table].put(cells)
        self.restore_dedup(state["dedup"], restored)


class EventFold(PartitionFold):
    """A fold whose events are identified by their ``event_id``."""

    def __init__(self, partition: int, policy: WindowPolicy, next_offset: int = 0) -> None:
        super().__init__(partition, policy, next_offset)
        self._recent = RecentIds(policy.dedup_ids)

    def admit(self, event: Event, offset: int, known: Known) -> bool | Rejected:
        """New unless its ``event_id`` is remembered."""
        return self._recent.admit(event.event_id)

    @property
    def remembered(self) -> int:
        """Ids held for duplicate recognition."""
        return len(self._recent)

    def take_fresh_ids(self) -> list[int]:
        """The id hashes admitted since the last call."""
        return self._recent.take_fresh()

    def dedup_state(self) -> dict[str, int]:
        """How many ids the partition has accepted so far."""
        return {"admitted": self._recent.admitted}

    def restore_dedup(self, state: Mapping[str, int], restored: Restored) -> None:
        """Rebuild the memory from the tail of admitted hashes."""
        self._recent = RecentIds(
            self.policy.dedup_ids, admitted=state["admitted"], tail=restored.id_tail
        )


def _as_dict(value: Any) -> dict[str, int]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def _refuse(why: str) -> NoReturn:
    raise IncompatibleStateError(f"the checkpoint cannot be used: {why}")
