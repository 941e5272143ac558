"""A Kafka in memory: logs, committed offsets, generations, and the topics that workers write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson
from faust.types import TP

from agents.leaderboard import totals_messages
from schemas.rows import COLUMNS
from streams.batch import Batch
from streams.fold import Taken
from streams.parts import Parts
from tests.properties.parts import rows_in
from tests.properties.strategies import Log
from tests.simulation.store import SimStore

_OFFSET: Final = COLUMNS["ledger"].index("kafka_offset")


class Broker:
    """The logs of the event topics, and what came of them.

    It notes as violations whatever a broker or a reader of its topics must never see: an
    acknowledgement beyond the durable checkpoint, or a message about rows that are not durable.

    Args:
        logs: the log of each partition.
        first: offset of the first record that each log still has.
        store: to compare acknowledgements and messages with.
    """

    def __init__(self, logs: Mapping[TP, Log], first: Mapping[TP, int], store: SimStore) -> None:
        self.logs = dict(logs)
        self.first = dict(first)
        self.end: dict[TP, int] = {tp: max(log.end, self.first[tp]) for tp, log in logs.items()}
        self.committed = dict.fromkeys(logs, 0)
        self.generation = 0
        self.letters: set[tuple[str, int, int, str]] = set()
        self.totals = Totals()
        self.violations: list[str] = []
        self._store = store

    # --- reading -----------------------------------------------------------------------------

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """Offset of the first record that each log still has."""
        return {tp: self.first[tp] for tp in partitions}

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """Offset after the last record of each log."""
        return {tp: self.end[tp] for tp in partitions}

    async def reaches(self, tp: TP, position: int) -> bool:
        """Whether a log has every offset below a position."""
        end: int = self.end[tp]
        return position <= end

    async def appended_ms(self, offsets: Mapping[TP, int]) -> Mapping[TP, int]:
        """When a record of each partition was appended; without those that are not there."""
        return {
            tp: record.appended_ms
            for tp, offset in offsets.items()
            for record in self.logs[tp].records
            if record.offset == offset >= self.first[tp]
        }

    def fetch(self, tp: TP, position: int, size: int) -> Batch | None:
        """The next records from a position on; ``None`` at the end of the log.

        Like aiokafka it goes on at the first record, without a word, where the log has no longer
        the position.
        """
        log, since = self.logs[tp], max(position, self.first[tp])
        coming = [record.offset for record in log.records if record.offset >= since][:size]
        if not coming:
            return None
        batch: Batch = log.batch(since, coming[-1] + 1)
        return replace(batch, start=position)

    def delete_before(self, tp: TP, position: int) -> None:
        """Retention: forget the records below a position, or below the committed offset."""
        self.first[tp] = max(self.first[tp], min(position, self.committed[tp]))

    # --- writing -----------------------------------------------------------------------------

    def commit(self, tp: TP, next_offset: int, generation: int) -> None:
        """Note that everything below is durable; whoever lost the partition is not heard."""
        if next_offset > self._store.position(tp.topic, tp.partition):
            self.violations.append(f"{tp}: {next_offset} was acknowledged before its checkpoint")
        if generation == self.generation:
            self.committed[tp] = next_offset

    def publish(self, taken: Sequence[Taken]) -> None:
        """Take dead letters and KOL totals; everything they tell of must be in the store."""
        for one in taken:
            checkpoint = one.checkpoint
            where = (checkpoint.topic, checkpoint.partition)
            fresh = [letter.offset for letter in one.dead_letters]
            fresh += [int(row[_OFFSET]) for row in one.rows.get("ledger", ())]
            if any(not checkpoint.previous_offset <= at < checkpoint.next_offset for at in fresh):
                self.violations.append(f"{where}: something was handed over a second time")
            self.letters |= {(*where, letter.offset, letter.reason) for letter in one.dead_letters}
            for letter in one.dead_letters:
                if (*where, letter.offset) not in self._store.rows["dead_letter"]:
                    self.violations.append(f"{where}: a letter was sent before it was durable")
            self.totals.take(one)
            for table in ("sales_window", "activity_window"):
                for row in one.rows.get(table, ()):
                    if not self._store.holds(table, row):
                        self.violations.append(f"{where}: {table} published before it was durable")


class Totals:
    """What the leaderboard knows: the newest part of each key, and who hosts which room."""

    def __init__(self) -> None:
        self.parts: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        self.hosts: set[tuple[str, ...]] = set()

    def take(self, taken: Taken) -> None:
        """Merge the message about a flush, as the leaderboard does."""
        for content in map(orjson.loads, totals_messages(taken)):
            self.hosts |= {tuple(host) for host in content.get("hosts", ())}
            if "parts" in content:
                for name, *newest in rows_in(Parts.of_plain(content["parts"])):
                    self.parts[name] = max(tuple(newest), self.parts.get(name, tuple(newest)))
