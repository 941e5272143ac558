"""A store in plain dicts that merges rows as the real tables do, and a worker that feeds it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import orjson

from schemas.rows import ACTIVITY_VALUES, COLUMNS, PRODUCT_VALUES, SALES_VALUES
from streams.catalog import FOLDS
from streams.cells import Cells, unpack_cells
from streams.dedup import Entry, RecentIds
from streams.fold import Checkpoint, DeadLetter, PartitionFold, Restored, Row, Taken
from tests.properties.strategies import Log, Step

VALUES = {
    "activity_window": ACTIVITY_VALUES,
    "sales_window": SALES_VALUES,
    "product_window": PRODUCT_VALUES,
}
_LEDGER = {name: i for i, name in enumerate(COLUMNS["ledger"])}


class ModelStore:
    """What ClickHouse would hold after its merges.

    Writing also checks what makes zombies and readers safe: two rows with one key and one version
    are equal, and a newer version of a window row is nowhere smaller than an older one.
    """

    def __init__(self) -> None:
        self.windows: dict[str, dict[Row, Row]] = defaultdict(dict)
        self.audience: set[Row] = set()
        self.ledger: dict[Row, Row] = {}
        self.room_events: dict[Row, Row] = {}
        self.dead_letters: dict[int, DeadLetter] = {}
        self.checkpoints: dict[int, Taken] = {}
        self._chain: dict[int, Checkpoint] = {}
        self._written: dict[tuple[str, Row, int], Row] = {}

    # --- writing -------------------------------------------------------------------------------

    def write(self, taken: Taken, only: Collection[str] | None = None) -> None:
        """Insert what a take handed over; ``only`` these tables if the writer dies on the way."""
        for table, rows in taken.rows.items():
            if only is None or table in only:
                for row in rows:
                    assert len(row) == len(COLUMNS[table])
                    self._insert(table, row)
        if only is None or "dead_letter" in only:
            for letter in taken.dead_letters:
                assert self.dead_letters.setdefault(letter.offset, letter) == letter

    def _insert(self, table: str, row: Row) -> None:
        if table in VALUES:
            at = COLUMNS[table].index("version")
            self._replace(table, self.windows[table], row[:at], row, at)
        elif table == "audience_in":
            self.audience.add(row)
        elif table == "ledger":
            self._replace(table, self.ledger, row[:2], row, len(row) - 1)
        else:
            assert table == "room_event"
            self._replace(table, self.room_events, row[:3], row, len(row) - 1)

    def _replace(self, table: str, rows: dict[Row, Row], key: Row, row: Row, at: int) -> None:
        version = int(row[at])
        assert self._written.setdefault((table, key, version), row) == row, "one version, two rows"
        before = rows.get(key)
        if before is None or int(before[at]) <= version:
            if before is not None and table in VALUES:
                pairs = zip(before[at + 1 :], row[at + 1 :], strict=True)
                assert all(int(then) <= int(now) for then, now in pairs), "a total went backwards"
            rows[key] = row

    def checkpoint(self, taken: Taken) -> None:
        """Write a checkpoint and its ids; whoever stands at an offset says the same there."""
        checkpoint = taken.checkpoint
        before = self.checkpoints.get(checkpoint.next_offset)
        if before is not None:
            assert before.checkpoint.counts == checkpoint.counts
            assert before.checkpoint.state == checkpoint.state
        self._chain[checkpoint.next_offset] = checkpoint
        self.checkpoints[checkpoint.next_offset] = taken

    # --- reading -------------------------------------------------------------------------------

    def known(self, asked: Iterable[tuple[str, str]], below: int) -> dict[tuple[str, str], int]:
        """What the ledger holds of these, accepted below an offset."""
        found = {}
        for kind, entry_id in asked:
            row = self.ledger.get((kind, entry_id))
            if row is not None and int(row[_LEDGER["kafka_offset"]]) < below:
                found[kind, entry_id] = int(row[_LEDGER["fingerprint"]])
        return found

    def restored(self, at: int) -> Restored:
        """The checkpoint at an offset, as a store gives it back."""
        checkpoint = self.checkpoints[at].checkpoint
        state: dict[str, Any] = orjson.loads(checkpoint.state)
        dedup, size = state["dedup"], state["policy"]["dedup_ids"]
        tail: list[int] = []
        if "admitted" in dedup:
            wanted, position = RecentIds.tail_length(size, dedup["admitted"]), at
            while len(tail) < wanted:
                link = self._chain[position]
                position, tail = link.previous_offset, [int(one) for one in link.fresh_ids] + tail
            tail = tail[len(tail) - wanted :]
        entries, forgotten = [], []
        for row in self.ledger.values():
            fields = ("kind", "id", "fingerprint", "kafka_offset")
            kind, entry_id, mark, offset = (row[_LEDGER[name]] for name in fields)
            entry = Entry(str(kind), str(entry_id), int(mark), int(offset))
            if entry.offset < dedup.get("previous_from", at):
                forgotten.append((entry.kind, entry.id))
            elif entry.offset < at:
                entries.append(entry)
        return Restored(
            next_offset=checkpoint.next_offset,
            counts=checkpoint.counts,
            state=state,
            cells=self._cells(at),
            id_tail=tail,
            entries=sorted(entries, key=lambda entry: entry.offset),
            forgotten=forgotten,
        )

    def _cells(self, at: int) -> list[Mapping[str, Cells]]:
        """The links back to one that has all open windows, that one first."""
        links = [self._chain[at]]
        while links[0].cells_since != links[0].previous_offset:
            links.insert(0, self._chain[links[0].previous_offset])
        return [unpack_cells(link.cells) for link in links]

    def content(self) -> dict[str, Any]:
        """Everything that people read."""
        return {
            **{table: rows for table, rows in self.windows.items() if rows},
            "audience": self.audience,
            "ledger": self.ledger,
            "room_event": self.room_events,
            "dead_letter": self.dead_letters,
        }


def read_state(checkpoint: Checkpoint) -> dict[str, Any]:
    """The state in a checkpoint, and its cells by key: their order means nothing."""
    state: dict[str, Any] = orjson.loads(checkpoint.state)
    return state | {"cells": by_key(unpack_cells(checkpoint.cells))}


def by_key(tables: Mapping[str, Cells]) -> dict[str, Any]:
    """The cells of some tables; of those only that have any."""
    return {table: cells.by_key() for table, cells in tables.items() if cells.numbers.size}


class Worker:
    """Folds a log batch by batch and writes what it takes, as the real one does."""

    def __init__(
        self,
        log: Log,
        store: ModelStore,
        at: int | None = None,
        folds: Mapping[str, type[PartitionFold]] = FOLDS,
    ) -> None:
        self.log = log
        self.store = store
        self.fold: PartitionFold = folds[log.topic.name](log.partition, log.policy)
        if at is not None:
            self.fold.restore(store.restored(at))

    def run(self, plan: Sequence[Step]) -> None:
        """Fold as much of the log as the plan says."""
        for step in plan:
            self.step(step)

    def step(self, step: Step) -> None:
        """Fold one batch and perhaps flush."""
        position = self.fold.next_offset
        offsets = [record.offset for record in self.log.records]
        coming = [offset for offset in offsets if offset >= position]
        if step.size < len(coming):
            until = coming[step.size] if step.wide or not step.size else coming[step.size - 1] + 1
        else:
            until = self.log.end
        seen = [offset for offset in offsets if offset < position]
        start = seen[-step.again] if 0 < step.again <= len(seen) else position
        self.feed(start, max(position, until))
        if step.take:
            self.flush()

    def feed(self, start: int, until: int) -> None:
        """Fold the records between two positions, asking the ledger as the pipeline does."""
        opened, events = self.fold.open(self.log.batch(start, until))
        known = {}
        asked = self.fold.unknown(events)
        if asked:
            self.flush()  # what is asked for may not have been written yet
            known = self.store.known(asked, opened.start)
        self.fold.apply(opened, events, known)

    def flush(self) -> None:
        """Run the checkpoint protocol."""
        if self.fold.is_dirty:
            taken = self.fold.take()
            self.store.write(taken)
            self.store.checkpoint(taken)

    def die_flushing(self, only: Collection[str]) -> None:
        """Write some of the tables, and no checkpoint."""
        self.store.write(self.fold.take(), only)

    def finish(self) -> None:
        """Fold the rest of the log, and flush."""
        self.feed(self.fold.next_offset, self.log.end)
        self.flush()

    def end_state(self) -> dict[str, Any]:
        """What the partition ends with; equal for equal logs."""
        return {
            "counts": self.fold.counts,
            "watermark": self.fold.watermark.newest_ms,
            "remembered": self.fold.remembered,
            "state": orjson.loads(self.fold.take().checkpoint.state),
            "cells": by_key(self.fold.snapshot()),
        }


def folded_at_once(log: Log) -> tuple[ModelStore, Worker]:
    """The whole log as one batch, and one take."""
    store = ModelStore()
    worker = Worker(log, store)
    worker.finish()
    return store, worker
