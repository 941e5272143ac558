"""Writes what folds hand over, and reads it back: the store side of the checkpoint protocol.

Every insert is idempotent, so it is simply tried again until it succeeds; the order is what
matters. See :meth:`Sink.write_rows` and :meth:`Sink.write_checkpoints`.
"""

from __future__ import annotations

import asyncio
import base64
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Final, TypeVar

from agents.metrics import Metrics
from agents.restore import Checkpoints, Place, groups, pack, read_checkpoints, read_memory
from agents.stores.config import RetryPolicy
from agents.stores.retry import retrying
from schemas.rows import COLUMNS
from schemas.store import Store, StoreUnavailable
from streams.columns import Block, joined
from streams.fold import Checkpoint, Restored, Row, Taken
from streams.windows import WindowPolicy

_T = TypeVar("_T")
#: Rows of one table, as several folds handed them over.
Parts = Sequence[Sequence[Row] | Block]

#: Sales and ledger are inserted next to each other, so that who compares the two while a flush is
#: under way rarely sees one without the other.
_BOOKS_LAST: Callable[[str], int] = ("sales_window", "ledger").__contains__

#: Ids asked for in one ledger look-up.
_ASK_AT_ONCE = 1_000

#: Figures stand still for as long as a store that is back is not asked again.
_PATIENCE: Final = RetryPolicy(max_wait_seconds=2.0)

#: Where every partition stands.
POSITIONS: Final = "SELECT kafka_topic, kafka_partition, next_offset FROM checkpoint FINAL"
#: What the ledger holds of some ids, accepted by a partition below an offset.
LEDGER_OF_IDS: Final = (
    "SELECT kind, id, fingerprint FROM ledger FINAL WHERE id IN %(ids)s"
    " AND kafka_topic = %(topic)s AND kafka_partition = %(partition)s"
    " AND kafka_offset < %(below)s"
)


class Sink:
    """The one writer of a worker. Its store calls run in a thread of their own, one at a time.

    Args:
        store: the store; used from the sink's thread only, from now on.
        policy: the window policy, which bounds how much dedup memory is read back.
        metrics: where retries and rows are counted.
        patience: how long to wait between attempts.
    """

    def __init__(
        self,
        store: Store,
        policy: WindowPolicy,
        metrics: Metrics,
        patience: RetryPolicy = _PATIENCE,
    ) -> None:
        self._store = store
        self._policy = policy
        self._metrics = metrics
        self._patience = patience
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sink")
        self._give_up = threading.Event()
        #: Whether the last store call succeeded.
        self.is_up = False

    async def start(self) -> None:
        """Apply the migrations.

        Raises:
            schemas.errors.Unavailable: there is no store.
        """
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._store.ensure_schema)
        self._mark(is_up=True)

    async def stop(self) -> None:
        """Give up a call that is being retried, and close the store."""
        self._give_up.set()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._store.close)
        self._thread.shutdown()

    async def _call(self, call: Callable[[], _T]) -> _T:
        def attempt() -> _T:
            result = retrying(
                call, self._patience, on_retry=self._count_retry, give_up=self._give_up
            )
            self._mark(is_up=True)
            return result

        return await asyncio.get_running_loop().run_in_executor(self._thread, attempt)

    def _count_retry(self, error: StoreUnavailable, attempt: int, wait_seconds: float) -> None:
        self._mark(is_up=False)
        self._metrics.store_retries.inc()

    def _mark(self, *, is_up: bool) -> None:
        self.is_up = is_up
        self._metrics.store_up.set(is_up)

    async def _insert(self, table: str, parts: Parts) -> None:
        # In the sink's thread, and once, however often the insert is tried.
        columns = cache(lambda: dict(zip(COLUMNS[table], joined(parts), strict=True)))
        await self._call(lambda: self._store.insert(table, columns()))
        self._metrics.flushed_rows.labels(table).inc(sum(map(len, parts)))

    # --- writing -----------------------------------------------------------------------------

    async def write_rows(self, taken: Sequence[Taken]) -> None:
        """Insert windows, ledger, audience, room facts and dead letters of several partitions.

        Returns once all are durable. Raises:
            schemas.store.StoreRejected: the store refuses them; nothing may be acknowledged.
        """
        parts: dict[str, list[Sequence[Row] | Block]] = defaultdict(list)
        for one in taken:
            for table, rows in (*one.rows.items(), ("dead_letter", _dead_letter_rows(one))):
                if len(rows):
                    parts[table].append(rows)
        for table in sorted(parts, key=_BOOKS_LAST):
            await self._insert(table, parts[table])

    async def write_checkpoints(self, taken: Sequence[Taken]) -> None:
        """Write where the partitions stand: first what is new in their state, then the checkpoints.

        Must come after :meth:`write_rows` and before the acknowledgement.
        """
        links = [_link_row(one.checkpoint) for one in taken]
        self._metrics.checkpoint_bytes.set(sum(len(one.checkpoint.cells) for one in taken))
        await self._insert("checkpoint_link", [links])
        await self._insert("checkpoint", [[_checkpoint_row(one) for one in taken]])

    # --- reading back ------------------------------------------------------------------------

    async def positions(self) -> dict[tuple[str, int], int]:
        """``(topic, partition) → next offset`` of the newest checkpoints."""
        rows = await self._call(lambda: self._store.query(POSITIONS))
        return {
            (str(row["kafka_topic"]), int(row["kafka_partition"])): int(row["next_offset"])
            for row in rows
        }

    async def restore(self, places: Collection[Place]) -> AsyncIterator[tuple[Place, Restored]]:
        """The newest checkpoints of partitions with their dedup memory; none for a new partition.

        Raises:
            agents.restore.BrokenChainError: the store has lost a part of that memory.
        """
        checkpoints = await self._call(lambda: read_checkpoints(self._store, places))
        for group in groups(checkpoints, self._policy.dedup_ids):
            found = await self._call(lambda group=group: self._restore(group))  # type: ignore[misc]
            for place, restored in found.items():
                yield place, restored

    def _restore(self, checkpoints: Checkpoints) -> dict[Place, Restored]:
        return read_memory(self._store, checkpoints, self._policy.dedup_ids)

    async def known(
        self, topic: str, partition: int, below: int, asked: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], int]:
        """What the ledger holds of these ``(kind, id)``, accepted below an offset."""
        answer: dict[tuple[str, str], int] = {}
        ids = sorted({entry_id for _, entry_id in asked})
        for begin in range(0, len(ids), _ASK_AT_ONCE):
            params: dict[str, Any] = {
                "ids": ids[begin : begin + _ASK_AT_ONCE],
                "topic": topic,
                "partition": partition,
                "below": below,
            }
            rows = await self._call(
                lambda params=params: self._store.query(LEDGER_OF_IDS, params)  # type: ignore[misc]
            )
            answer |= {(str(r["kind"]), str(r["id"])): int(r["fingerprint"]) for r in rows}
        return answer

    async def query(self, sql: str) -> list[dict[str, Any]]:
        """Run a SELECT of the worker's own, with retries."""
        return await self._call(lambda: self._store.query(sql))

    async def insert_rows(self, table: str, rows: Sequence[Row]) -> None:
        """Insert rows of a table that is not part of the checkpoint protocol."""
        if rows:
            await self._insert(table, [rows])


def _dead_letter_rows(taken: Taken) -> list[Row]:
    where = (taken.checkpoint.topic, taken.checkpoint.partition)
    return [
        (
            *where,
            letter.offset,
            letter.appended_ms,
            letter.reason,
            letter.detail,
            base64.b64encode(letter.key or b"").decode(),
            base64.b64encode(letter.value or b"").decode(),
        )
        for letter in taken.dead_letters
    ]


def _link_row(checkpoint: Checkpoint) -> Row:
    return (
        checkpoint.topic,
        checkpoint.partition,
        checkpoint.next_offset,
        checkpoint.previous_offset,
        pack(checkpoint.fresh_ids),
        checkpoint.cells_since,
        checkpoint.cells.decode(),
    )


def _checkpoint_row(taken: Taken) -> Row:
    checkpoint = taken.checkpoint
    counts = checkpoint.counts
    return (
        checkpoint.topic,
        checkpoint.partition,
        checkpoint.next_offset,
        checkpoint.watermark_ms,
        counts.consumed,
        counts.folded,
        counts.duplicates,
        counts.dead_lettered,
        counts.late,
        counts.gap,
        base64.b64encode(checkpoint.state).decode(),
    )
