"""Folds over columns: drop-in for their namesakes in :mod:`streams`, many times as fast."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from schemas.events import Event
from schemas.rows import ACTIVITY_DIMENSIONS, PRODUCT_DIMENSIONS, SALES_DIMENSIONS
from streams.batch import PADDING, PackedBatch
from streams.cells import Cells
from streams.columnar import kernels
from streams.columnar.kernels import Records
from streams.columnar.scan import (
    CURRENCY,
    DISCOUNT,
    ID_HASH,
    KIND,
    KOL,
    LINE_WIDTH,
    LINES,
    LINES_FROM,
    MODE,
    NUMBER,
    ORDER,
    PRODUCT,
    REFUND,
    ROOM,
    SOURCE,
    TIME,
    USER,
    WIDTH,
    scan,
)
from streams.columnar.tables import (
    KEY_SLICE,
    KEY_START,
    Bytes,
    CellTable,
    IdSet,
    Ints,
    OutTable,
    Vocabulary,
    Words,
)
from streams.columnar.words import NAMES, kind_of, name_code
from streams.columns import Block, Coded, Repeated, Texts, compacted
from streams.decode import Rejected
from streams.dedup import Known, event_hash, generations
from streams.fold import AnyBatch, DeadLetter, PartitionFold, Restored, Rows
from streams.windows import Watermark, WindowPolicy

_DIMENSIONS = {
    "activity_window": len(ACTIVITY_DIMENSIONS),
    "sales_window": len(SALES_DIMENSIONS),
    "product_window": len(PRODUCT_DIMENSIONS),
}
_LOW_HALF = 2**32 - 1
#: Records that are scanned before they are folded; what is scanned stays in the cache.
_CHUNK: Final = 8_192
#: How many ids a new memory holds without growing; each growth moves them all.
_FIRST_IDS: Final = 60_000
#: With fewer strings than this, none are forgotten.
_IDLE_NAMES = 50_000

#: Where the fields of an event go that came through the strict decoder.
TEXT_FIELDS = {
    "room_id": ROOM,
    "user_id": USER,
    "product_id": PRODUCT,
    "kol_id": KOL,
    "currency": CURRENCY,
    "order_id": ORDER,
    "refund_id": REFUND,
}
NUMBER_FIELDS = {
    "occurred_at_ms": TIME,
    "watch_ms": NUMBER,
    "quantity": NUMBER,
    "count": NUMBER,
    "paid_minor": NUMBER,
    "amount_minor": NUMBER,
    "discount_minor": DISCOUNT,
}
WORD_FIELDS = {"source": SOURCE, "promo": SOURCE, "mode": MODE, "attribution": MODE}


@dataclass(frozen=True, slots=True)
class Scanned:
    """A batch as the kernels read it.

    Attributes:
        records: its columns; ``KIND`` is -1 where ``rejected`` says why.
        rejected: place in the batch → why the strict decoder refused the record.
    """

    records: Records
    rejected: dict[int, Rejected]


class CellTally:
    """A :class:`~streams.tally.Tally` in arrays.

    Args:
        table: name of the window table.
        width: its value columns.
        vocabulary: names the codes in the keys.
    """

    def __init__(self, table: str, width: int, vocabulary: Vocabulary) -> None:
        self.table = CellTable(width)
        self.vocabulary = vocabulary
        self._dimensions = _DIMENSIONS[table]

    def __len__(self) -> int:
        return len(self.table)

    def _codes(self, keys: Ints) -> list[Ints]:
        halves = [keys[:, i // 2] >> 32 if i % 2 else keys[:, i // 2] & _LOW_HALF for i in range(6)]
        return [*halves[: self._dimensions], halves[5]]

    def rows_since(self, position: int, topic: str, partition: int) -> Block:
        """The rows of the cells into which a record at or above ``position`` was folded."""
        keys, cells = self.table.changed(position)
        n = keys.shape[1]
        names = self.vocabulary.names()
        return Block(
            (
                *(Coded(column, names) for column in keys[: self._dimensions]),
                keys[KEY_START] // 1_000,
                keys[KEY_SLICE],
                Repeated(topic, n),
                Repeated(partition, n),
                *cells,
            )
        )

    def drop_closed(self, watermark: Watermark) -> None:
        """Forget the cells that no later record can reach. Their rows must have been taken."""
        self.table.keep_open(watermark.closed_until_ms, watermark.open_slice)

    def used_codes(self) -> list[Ints]:
        """The codes in the keys, a column each."""
        return self._codes(self.table.keys)[:-1]

    def recode(self, codes: Ints, vocabulary: Vocabulary) -> None:
        """Go over to another vocabulary; ``codes`` are the new ones, by the old."""
        *columns, late_slice = self._codes(self.table.keys)
        keys = _keys([codes[column] for column in columns], late_slice, self.table.keys[:, 3])
        self.table.replace(keys, self.table.cells)
        self.vocabulary = vocabulary

    def changed(self, position: int) -> int:
        """How many cells a record at or above ``position`` was folded into."""
        return int((self.table.cells[:, 0] >= position).sum())

    def snapshot(self, position: int = 0) -> Cells:
        """The open cells into which a record at or above ``position`` was folded."""
        keys, cells = self.table.changed(position)
        used, places = compacted(keys[: self._dimensions], len(self.vocabulary))
        names = self.vocabulary.names().some(used)
        return Cells(names, places, np.stack([keys[KEY_START], keys[KEY_SLICE], *cells]))

    def put(self, cells: Cells) -> None:
        """Take over cells of a checkpoint, in the place of those with the same keys."""
        columns = list(self.vocabulary.codes(cells.names)[cells.dimensions])
        window_ms, late_slice, *values = cells.numbers
        self.table.put(_keys(columns, late_slice, window_ms), np.array(values).T)


def _keys(columns: Sequence[Ints], late_slice: Ints, window_ms: Ints) -> Ints:
    """See ``streams.columnar.tables.find_cell``."""
    halves = [*columns, *[np.zeros_like(window_ms)] * (5 - len(columns)), late_slice]
    words = [halves[i] | (halves[i + 1] << 32) for i in (0, 2, 4)]
    return np.array([*words, window_ms], dtype=np.int64).T


class ColumnarFold(PartitionFold):
    """What the columnar folds of all topics have in common."""

    weight = 1

    def __init__(self, partition: int, policy: WindowPolicy, next_offset: int = 0) -> None:
        super().__init__(partition, policy, next_offset)
        self._kinds = sum(
            1 << kind_of(str(cls.__struct_config__.tag)) for cls in self.topic.event_types
        )
        self._policy = np.array(
            [
                policy.window_ms,
                policy.allowed_lateness_ms,
                policy.max_ahead_ms,
                policy.late_per_slice,
                policy.dedup_ids,
            ],
            dtype=np.int64,
        )
        self._met = OutTable(3, is_set=True)

    def _new_tallies(self, values: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        self._vocabulary = Vocabulary()
        return {
            table: CellTally(table, len(columns), self._vocabulary)
            for table, columns in values.items()
        }

    # --- folding -----------------------------------------------------------------------------

    @abstractmethod
    def open(self, batch: AnyBatch) -> tuple[PackedBatch, Any]:
        """See :meth:`PartitionFold.open`."""

    def _scan(self, batch: PackedBatch, fields: Ints, lines: Ints) -> Scanned:
        """Scan a batch into arrays that are long enough."""
        data, fields = batch.data, fields[: len(batch)]
        n_lines = scan(
            data,
            batch.value_at,
            batch.value_size,
            np.int64(self._kinds),
            fields,
            lines,
        )
        rejected: dict[int, Rejected] = {}
        odd = np.nonzero(fields[:, KIND] == 0)[0]
        if len(odd):
            data = self._look_closely(batch, odd.tolist(), fields, lines, n_lines, rejected)
        records = Records(
            data=data,
            key_at=batch.key_at,
            key_size=batch.key_size,
            offsets=batch.offsets,
            appended_ms=batch.appended_ms,
            fields=fields,
            lines=lines,
        )
        return Scanned(records, rejected)

    def _look_closely(
        self,
        batch: PackedBatch,
        odd: Sequence[int],
        fields: Ints,
        lines: Ints,
        n_lines: int,
        rejected: dict[int, Rejected],
    ) -> Bytes:
        """Ask the strict decoder; the data with the texts of what it accepted behind it."""
        size = len(batch.data) - PADDING
        more = bytearray()

        def put(text: str) -> int:
            raw = text.encode()
            at = size + len(more)
            more.extend(raw)
            return at << 16 | len(raw)

        for i, value in zip(odd, batch.values_at(odd), strict=True):
            event = self._decode.strict(value)
            if isinstance(event, Rejected):
                rejected[i] = event
                fields[i, KIND] = -1
                continue
            fields[i, KIND] = kind_of(str(event.__struct_config__.tag))
            for name, where in TEXT_FIELDS.items():
                if hasattr(event, name):
                    fields[i, where] = put(getattr(event, name))
            fields[i, ID_HASH] = np.uint64(self._id_hash(event)).astype(np.int64)
            for name, where in NUMBER_FIELDS.items():
                if hasattr(event, name):
                    fields[i, where] = getattr(event, name)
            for name, where in WORD_FIELDS.items():
                if hasattr(event, name):
                    fields[i, where] = name_code(getattr(event, name))
            parts = getattr(event, "lines", ())
            fields[i, LINES_FROM], fields[i, LINES] = n_lines, len(parts)
            for line in parts:
                amount = line.paid_minor if hasattr(line, "paid_minor") else line.amount_minor
                lines[n_lines, :4] = [put(line.product_id), put(line.sku_id), line.quantity, amount]
                n_lines += 1
        if not more:
            return batch.data
        more.extend(bytes(PADDING))
        return np.concatenate((batch.data[:size], np.frombuffer(more, dtype=np.uint8)))

    def _id_hash(self, event: Any) -> int:
        return event_hash(event.event_id)

    def _bury_all(self, batch: PackedBatch, scanned: Scanned, dead: Ints) -> int:
        """Dead letters of a batch, in offset order; how many."""
        why = dict(scanned.rejected)
        for i, reason, detail in dead.tolist():
            why[i] = self._reason(batch, scanned.records, i, reason, detail)
        if why:
            found = sorted(why)
            whole = zip(
                batch.offsets[found].tolist(),
                batch.appended_ms[found].tolist(),
                batch.keys_at(found),
                batch.values_at(found),
                [why[i] for i in found],
                strict=True,
            )
            self._dead_letters += [
                DeadLetter(offset, appended_ms, rejected.reason, rejected.detail, key, value)
                for offset, appended_ms, key, value, rejected in whole
            ]
        return len(why)

    def _reason(
        self, batch: PackedBatch, records: Records, i: int, reason: int, detail: int
    ) -> Rejected:
        if reason == kernels.TOO_FAR_AHEAD:
            return Rejected("too_far_ahead", f"{detail} ms ahead")
        return Rejected("wrong_key", f"the key is {batch.key(i)!r:.100}")

    def _marks(self) -> Ints:
        marks: Ints = np.zeros(kernels.MARKS, dtype=np.int64)
        marks[kernels.NEWEST_MS] = self.watermark.newest_ms
        marks[kernels.NOW_MS] = self.watermark.now_ms
        marks[kernels.LATE] = self.watermark.late
        return marks

    def _count(self, batch: PackedBatch, scanned: Scanned, marks: Ints, dead: Ints) -> None:
        self.watermark = Watermark(
            self.policy, int(marks[kernels.NEWEST_MS]), int(marks[kernels.LATE])
        )
        n_dead = self._bury_all(batch, scanned, dead[: marks[kernels.DEAD]])
        duplicates, n = int(marks[kernels.DUPLICATES]), len(batch)
        counts = self.counts
        counts.consumed += n
        counts.dead_lettered += n_dead
        counts.duplicates += duplicates
        counts.late = self.watermark.late
        counts.folded += n - n_dead - duplicates

    def admit(self, event: Event, offset: int, known: Known) -> bool | Rejected:
        """Never called: kernels admit."""
        raise NotImplementedError

    # --- draining ----------------------------------------------------------------------------

    def _take_rows(self) -> Rows:
        rows: Rows = dict(self._take_windows())
        if len(self._met):
            rows["audience_in"] = self._audience(*self._met.take())
        self._forget_idle_names()
        return rows

    def _audience(self, found: Ints, data: Bytes) -> Block:
        names = self._vocabulary.names()
        room_and_kol, role_and_minute, user = found
        return Block(
            (
                Coded(room_and_kol & _LOW_HALF, names),
                Coded(room_and_kol >> 32, names),
                Coded(role_and_minute & _LOW_HALF, names),
                role_and_minute >> 32,
                Texts(data, user),
            )
        )

    def _forget_idle_names(self) -> None:
        """Let go of strings that stand in no open window, once there are many."""
        n = len(self._vocabulary)
        if n < _IDLE_NAMES:
            return
        codes_in_use = [c for tally in self.tallies.values() for c in tally.used_codes()]
        used, _ = compacted(np.concatenate([np.arange(len(NAMES)), *codes_in_use]), n)
        if n < 2 * len(used):
            return
        names = self._vocabulary.strings()
        renewed = Vocabulary()
        codes = np.zeros(len(names), dtype=np.int64)
        codes[used] = renewed.codes([names[code] for code in used.tolist()])
        for tally in self.tallies.values():
            tally.recode(codes, renewed)
        self._vocabulary = renewed


class ColumnarEventFold(ColumnarFold):
    """A columnar fold whose events are identified by their ``event_id``."""

    def __init__(self, partition: int, policy: WindowPolicy, next_offset: int = 0) -> None:
        super().__init__(partition, policy, next_offset)
        self._admitted = 0
        self._current = IdSet(room_for=min(policy.dedup_ids, _FIRST_IDS))
        self._previous = IdSet()
        self._fresh: list[Words] = []
        self._fields: Ints = np.empty((_CHUNK, WIDTH), dtype=np.int64)
        self._lines: Ints = np.empty((1, LINE_WIDTH), dtype=np.int64)
        self._dead: Ints = np.empty((_CHUNK, 3), dtype=np.int64)
        # The kernel adds to both tables; a topic without products leaves one of them empty.
        self._tables = [
            self.tallies[table].table if table in self.tallies else CellTable(1)
            for table in ("activity_window", "product_window")
        ]

    def open(self, batch: AnyBatch) -> tuple[PackedBatch, None]:
        """Trim what was folded before; :meth:`apply` scans chunk by chunk, in the cache."""
        return self._trim(batch).packed(), None

    def apply(self, batch: PackedBatch, events: None, known: Known | None = None) -> None:
        """See :meth:`PartitionFold.apply`."""
        for chunk in batch.parts(_CHUNK):
            self._fold(chunk, self._scan(chunk, self._fields, self._lines))
        self._went_on(batch)

    def _fold(self, batch: PackedBatch, scanned: Scanned) -> None:
        n = len(batch)
        marks, dead = self._marks(), self._dead
        marks[kernels.ADMITTED] = self._admitted
        fresh = np.empty(n, dtype=np.uint64)
        activity, products = self._tables
        at = 0
        while True:
            at = kernels.fold_events(
                scanned.records, at, marks, self._policy, dead, fresh,
                self._current.slots, self._current.used, self._previous.slots,
                self._vocabulary.arrays, activity.arrays, products.arrays, self._met.arrays,
            )  # fmt: skip
            if len(self._current) == self.policy.dedup_ids:
                self._previous = self._current
                self._current = IdSet(room_for=self.policy.dedup_ids)
            if at >= n:
                break
            for table in (self._current, self._vocabulary, activity, products, self._met):
                table.make_room()
        self._admitted = int(marks[kernels.ADMITTED])
        self._fresh.append(fresh[: marks[kernels.FRESH]])
        self._count(batch, scanned, marks, dead)

    @property
    def remembered(self) -> int:
        """Ids held for duplicate recognition."""
        return len(self._current) + len(self._previous)

    def take_fresh_ids(self) -> Words:
        """The id hashes admitted since the last call."""
        fresh, self._fresh = self._fresh, []
        return np.concatenate(fresh) if fresh else np.empty(0, dtype=np.uint64)

    def dedup_state(self) -> dict[str, int]:
        """How many ids the partition has accepted so far."""
        return {"admitted": self._admitted}

    def restore_dedup(self, state: Mapping[str, int], restored: Restored) -> None:
        """Rebuild the memory from the tail of admitted hashes."""
        self._admitted, capacity = state["admitted"], self.policy.dedup_ids
        previous, current = generations(restored.id_tail, self._admitted, capacity)
        self._previous = IdSet(np.array(previous, dtype=np.uint64))
        self._current = IdSet(np.array(current, dtype=np.uint64))
