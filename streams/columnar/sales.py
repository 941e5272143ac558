"""Orders, cancellations and refunds, in columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import xxhash

from schemas.rows import FIRST_WINS
from streams.batch import PackedBatch
from streams.columnar import kernels
from streams.columnar.fold import ColumnarFold, Scanned
from streams.columnar.kernels import Records
from streams.columnar.scan import KIND, LINE_WIDTH, WIDTH, identity, line_bound
from streams.columnar.tables import EntryTable, Ints, OutTable
from streams.columnar.words import kind_of
from streams.columns import Block, Coded, Names, Repeated, Texts
from streams.decode import Rejected
from streams.dedup import Known, mix
from streams.filter import SeenFilter
from streams.fold import AnyBatch, Restored, Rows
from streams.sales import SalesFold, ledger_identity
from streams.windows import WindowPolicy

_KINDS = {
    "order": kind_of("order_paid"),
    "cancel": kind_of("order_cancelled"),
    "refund": kind_of("order_refunded"),
}
#: Records that are scanned before they are folded, with some two lines each.
_CHUNK: Final = 4_096
_KIND_NAMES = [""] * (1 + max(_KINDS.values()))
for _name, _kind in _KINDS.items():
    _KIND_NAMES[_kind] = _name
_CODED_KINDS = Names.of(_KIND_NAMES)


class ColumnarSalesFold(ColumnarFold):
    """:class:`streams.sales.SalesFold`."""

    topic = SalesFold.topic
    tables = SalesFold.tables

    def __init__(self, partition: int, policy: WindowPolicy, next_offset: int = 0) -> None:
        super().__init__(partition, policy, next_offset)
        self._current, self._previous = EntryTable(), EntryTable()
        self._nothing = EntryTable()
        #: Forgotten during the batch at hand, and findable until its end.
        self._leaving = EntryTable()
        self._forgotten = SeenFilter()
        self._current_from = self._previous_from = next_offset
        self._ledger = OutTable(len(kernels.LEDGER_COLUMNS))
        self._fields: Ints = np.empty((_CHUNK, WIDTH), dtype=np.int64)
        self._lines: Ints = np.empty((_CHUNK, LINE_WIDTH), dtype=np.int64)

    # --- identity ----------------------------------------------------------------------------

    def open(self, batch: AnyBatch) -> tuple[PackedBatch, Scanned | None]:
        """Trim what was folded before, and scan the rest where the ledger may have to be asked.

        Where nothing was ever forgotten, :meth:`apply` scans chunk by chunk, in the cache.
        """
        trimmed = self._trim(batch).packed()
        if self._forgotten.is_empty:
            return trimmed, None
        n, size = len(trimmed), trimmed.value_bytes
        return trimmed, self._scan(
            trimmed,
            np.empty((n, WIDTH), dtype=np.int64),
            np.empty((line_bound(size), LINE_WIDTH), dtype=np.int64),
        )

    def unknown(self, scanned: Scanned | None) -> list[tuple[str, str]]:
        """The entries older than the memory, for the caller to look up in the ledger."""
        if scanned is None:
            return []
        records = scanned.records
        hashes = np.empty(len(records.fields), dtype=np.uint64)
        where = np.empty(len(records.fields), dtype=np.int64)
        n = kernels.find_unknown(
            records, self._current.arrays, self._previous.arrays, hashes, where
        )
        asked = where[:n][self._forgotten.may_hold(hashes[:n])]
        return [self._identity(records, i) for i in asked.tolist()]

    def _identity(self, records: Records, i: int) -> tuple[str, str]:
        kind = int(records.fields[i, KIND])
        text = int(identity(records.fields[i], kind))
        at, size = text >> 16, text & 0xFFFF
        return _KIND_NAMES[kind], records.data[at : at + size].tobytes().decode()

    def _reason(
        self, batch: PackedBatch, records: Records, i: int, reason: int, detail: int
    ) -> Rejected:
        if reason == kernels.CONFLICT:
            kind, entry_id = self._identity(records, i)
            return Rejected("conflict", f"{kind} {entry_id} was accepted with other content")
        return super()._reason(batch, records, i, reason, detail)

    def _id_hash(self, event: Any) -> int:
        kind, entry_id = ledger_identity(event)
        return mix(_KINDS[kind], xxhash.xxh64_intdigest(entry_id.encode()))

    # --- folding -----------------------------------------------------------------------------

    def apply(
        self,
        batch: PackedBatch,
        scanned: Scanned | None,
        known: Known | None = None,
    ) -> None:
        """See :meth:`PartitionFold.apply`."""
        told = self._nothing
        if known:
            told = EntryTable()
            told.add([(_KINDS[kind], one, mark) for (kind, one), mark in known.items()])
        if scanned is not None:
            self._fold(batch, scanned, told)
        else:
            for chunk in batch.parts(_CHUNK):
                need = line_bound(chunk.value_bytes)
                if need > len(self._lines):
                    self._lines = np.empty((2 * need, LINE_WIDTH), dtype=np.int64)
                self._fold(chunk, self._scan(chunk, self._fields, self._lines), told)
        if len(self._leaving):
            self._leaving = EntryTable()
        self._went_on(batch)

    def _fold(self, batch: PackedBatch, scanned: Scanned, told: EntryTable) -> None:
        n = len(batch)
        marks, dead = self._marks(), np.empty((n, 3), dtype=np.int64)
        activity, sales, products = (self.tallies[table].table for table in self.tables)
        at = 0
        while True:
            at = kernels.fold_sales(
                scanned.records, at, marks, self._policy, dead, self._current.arrays,
                self._previous.arrays, self._leaving.arrays, told.arrays,
                self._vocabulary.arrays, activity.arrays, sales.arrays, products.arrays,
                self._met.arrays, self._ledger.arrays,
            )  # fmt: skip
            if len(self._current) >= self.policy.dedup_ids:
                self._turn(int(batch.offsets[at - 1]))
            if at >= n:
                break
            for table in (
                self._current, self._vocabulary, activity, sales, products, self._met, self._ledger
            ):  # fmt: skip
                table.make_room()
        self._count(batch, scanned, marks, dead)

    def _turn(self, offset: int) -> None:
        """The current generation, full at this offset, becomes the previous one."""
        self._forgotten.add(self._previous.hashes)
        self._leaving.absorb(self._previous)
        self._previous, self._current = self._current, EntryTable()
        self._previous_from, self._current_from = self._current_from, offset + 1

    # --- draining ----------------------------------------------------------------------------

    def _take_rows(self) -> Rows:
        # First: its rows name codes, and the last step may give the codes anew.
        ledger: Rows = {"ledger": self._ledger_rows()} if len(self._ledger) else {}
        return ledger | super()._take_rows()

    def _ledger_rows(self) -> Block:
        found, data = self._ledger.take()
        n, names = found.shape[1], self._vocabulary.names()
        column = dict(zip(kernels.LEDGER_COLUMNS, found, strict=True))
        offset, time_ms = column["kafka_offset"], column["occurred_at_ms"]
        return Block(
            (
                Coded(column["kind"], _CODED_KINDS),
                Texts(data, column["id"]),
                Texts(data, column["order_id"]),
                Coded(column["room_id"], names),
                Coded(column["kol_id"], names),
                Texts(data, column["user_id"]),
                Coded(column["currency"], names),
                Coded(column["promo"], names),
                Coded(column["attribution"], names),
                column["amount_minor"],
                column["discount_minor"],
                column["sku_orders"],
                column["units"],
                time_ms // 1_000,
                time_ms,
                column["fingerprint"].view(np.uint64),
                Repeated(self.topic.name, n),
                Repeated(self.partition, n),
                offset,
                FIRST_WINS - offset,
            )
        )

    # --- checkpoint --------------------------------------------------------------------------

    @property
    def remembered(self) -> int:
        """Ledger entries held for duplicate recognition."""
        return len(self._current) + len(self._previous)

    def dedup_state(self) -> dict[str, int]:
        """Where the generations begin."""
        return {"current_from": self._current_from, "previous_from": self._previous_from}

    def restore_dedup(self, state: Mapping[str, int], restored: Restored) -> None:
        """Rebuild the memory from the ledger's entries below the checkpoint."""
        self._current_from, self._previous_from = state["current_from"], state["previous_from"]
        self._current, self._previous, self._leaving = EntryTable(), EntryTable(), EntryTable()
        for table, is_current in ((self._previous, False), (self._current, True)):
            table.add(
                [
                    (_KINDS[entry.kind], entry.id, entry.fingerprint)
                    for entry in restored.entries
                    if (entry.offset >= self._current_from) == is_current
                ]
            )
        old = EntryTable()
        old.add([(_KINDS[kind], one, 0) for kind, one in restored.forgotten])
        self._forgotten = SeenFilter(old.hashes)
