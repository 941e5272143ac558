"""Writes what folds hand over, and reads it back: the store side of the checkpoint protocol.

Every insert is idempotent, so it is simply tried again until it succeeds; the order is what
matters. See :meth:`Sink.write_rows` and :meth:`Sink.write_checkpoints`.
"""

from __future__ import annotations

import asyncio
import base64
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import numpy as np
import orjson

from agents.metrics import Metrics
from agents.stores.config import RetryPolicy
from agents.stores.retry import retrying
from schemas.rows import COLUMNS
from schemas.store import Store, StoreUnavailable
from streams.dedup import Entry, RecentIds
from streams.fold import Counts, Restored, Row, Taken
from streams.sales import SalesFold
from streams.windows import WindowPolicy

_T = TypeVar("_T")

#: Sales and ledger are inserted next to each other, so that who compares the two while a flush is
#: under way rarely sees one without the other.
_BOOKS_LAST: Callable[[str], int] = ("sales_window", "ledger").__contains__

#: Ids asked for in one ledger look-up, and entries read back at once.
_ASK_AT_ONCE = 1_000
_LEDGER_AT_ONCE = 100_000

#: Figures stand still for as long as a store that is back is not asked again.
_PATIENCE: Final = RetryPolicy(max_wait_seconds=2.0)

#: The newest checkpoint of a partition.
NEWEST_CHECKPOINT: Final = (
    "SELECT * FROM checkpoint FINAL WHERE kafka_topic = %(topic)s"
    " AND kafka_partition = %(partition)s ORDER BY next_offset DESC LIMIT 1"
)
#: Where every partition stands.
POSITIONS: Final = "SELECT kafka_topic, kafka_partition, next_offset FROM checkpoint FINAL"
#: The ledger's entries of a partition between two offsets.
LEDGER_BETWEEN: Final = (
    "SELECT kind, id, fingerprint, kafka_offset FROM ledger FINAL"
    " WHERE kafka_topic = %(topic)s AND kafka_partition = %(partition)s"
    " AND kafka_offset >= %(since)s AND kafka_offset < %(until)s"
    " ORDER BY kafka_offset LIMIT %(limit)s"
)
#: The links of the chain of checkpoints at and below a position, newest first.
IDS_BACK_FROM: Final = (
    "SELECT next_offset, previous_offset, ids FROM checkpoint_ids FINAL"
    " WHERE kafka_topic = %(topic)s AND kafka_partition = %(partition)s"
    " AND next_offset <= %(position)s ORDER BY next_offset DESC LIMIT 256"
)
#: What the ledger holds of some ids, accepted by a partition below an offset.
LEDGER_OF_IDS: Final = (
    "SELECT kind, id, fingerprint FROM ledger FINAL WHERE id IN %(ids)s"
    " AND kafka_topic = %(topic)s AND kafka_partition = %(partition)s"
    " AND kafka_offset < %(below)s"
)


class BrokenChainError(Exception):
    """The store has lost a part of the dedup memory; going on would count duplicates."""


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

    async def _insert(self, table: str, rows: Sequence[Row]) -> None:
        columns = dict(zip(COLUMNS[table], zip(*rows, strict=True), strict=True))
        await self._call(lambda: self._store.insert(table, columns))
        self._metrics.flushed_rows.labels(table).inc(len(rows))

    # --- writing -----------------------------------------------------------------------------

    async def write_rows(self, taken: Sequence[Taken]) -> None:
        """Insert windows, ledger, audience, room facts and dead letters of several partitions.

        Returns once all are durable. Raises:
            schemas.store.StoreRejected: the store refuses them; nothing may be acknowledged.
        """
        rows: dict[str, list[Row]] = defaultdict(list)
        for one in taken:
            for table, more in one.rows.items():
                rows[table].extend(more)
            rows["dead_letter"].extend(_dead_letter_rows(one))
        for table in sorted(rows, key=_BOOKS_LAST):
            if rows[table]:
                await self._insert(table, rows[table])

    async def write_checkpoints(self, taken: Sequence[Taken]) -> None:
        """Write where the partitions stand: first the ids, then the checkpoint that names them.

        Must come after :meth:`write_rows` and before the acknowledgement.
        """
        ids = [
            (c.topic, c.partition, c.next_offset, c.previous_offset, _pack(c.fresh_ids))
            for c in (one.checkpoint for one in taken)
        ]
        await self._insert("checkpoint_ids", ids)
        rows = [_checkpoint_row(one) for one in taken]
        self._metrics.checkpoint_bytes.set(sum(len(str(row[-1])) for row in rows))
        await self._insert("checkpoint", rows)

    # --- reading back ------------------------------------------------------------------------

    async def positions(self) -> dict[tuple[str, int], int]:
        """``(topic, partition) → next offset`` of the newest checkpoints."""
        rows = await self._call(lambda: self._store.query(POSITIONS))
        return {
            (str(row["kafka_topic"]), int(row["kafka_partition"])): int(row["next_offset"])
            for row in rows
        }

    async def restore(self, topic: str, partition: int) -> Restored | None:
        """The newest checkpoint of a partition and its dedup memory; ``None`` for a new one."""
        return await self._call(lambda: self._restore(topic, partition))

    def _restore(self, topic: str, partition: int) -> Restored | None:
        where: dict[str, Any] = {"topic": topic, "partition": partition}
        found = self._store.query(NEWEST_CHECKPOINT, where)
        if not found:
            return None
        row = found[0]
        state = orjson.loads(base64.b64decode(row["state"]))
        next_offset = int(row["next_offset"])
        entries: list[Entry] = []
        forgotten: list[tuple[str, str]] = []
        tail: list[int] = []
        if topic == SalesFold.topic.name:
            since = state["dedup"]["previous_from"]
            forgotten = [(e.kind, e.id) for e in self._ledger(where, 0, since)]
            entries = list(self._ledger(where, since, next_offset))
        else:
            admitted = state["dedup"]["admitted"]
            tail = self._id_tail(where, next_offset, admitted)
        return Restored(
            next_offset=next_offset,
            counts=Counts(**{name: int(row[name]) for name in Counts.__dataclass_fields__}),
            state=state,
            id_tail=tail,
            entries=entries,
            forgotten=forgotten,
        )

    def _ledger(self, where: Mapping[str, Any], since: int, until: int) -> Iterator[Entry]:
        # Entries at or above the checkpoint were written, but their records will be replayed:
        # restoring them would make the replay a duplicate, and money would disappear.
        while since < until:
            bounds = {"since": since, "until": until, "limit": _LEDGER_AT_ONCE}
            rows = self._store.query(LEDGER_BETWEEN, {**where, **bounds})
            for row in rows:
                offset = int(row["kafka_offset"])
                yield Entry(str(row["kind"]), str(row["id"]), int(row["fingerprint"]), offset)
            if len(rows) < _LEDGER_AT_ONCE:
                return
            since = int(rows[-1]["kafka_offset"]) + 1

    def _id_tail(self, where: Mapping[str, Any], next_offset: int, admitted: int) -> list[int]:
        """Walk the chain of checkpoints back until enough ids are found.

        Rows that are not on the chain were written by a worker that died before its checkpoint,
        or by one that had lost the partition; they say nothing new.
        """
        wanted = RecentIds.tail_length(self._policy.dedup_ids, admitted)
        chunks: list[list[int]] = []
        found = 0
        position = next_offset
        while found < wanted:
            rows = self._store.query(IDS_BACK_FROM, {**where, "position": position})
            links = {int(row["next_offset"]): row for row in rows}
            if position not in links:
                raise BrokenChainError(
                    f"{where['topic']}/{where['partition']}: the ids that lead to offset "
                    f"{position} are missing, {wanted - found} of {wanted} cannot be restored"
                )
            while found < wanted and position in links:
                row = links[position]
                ids = _unpack(str(row["ids"]))
                chunks.append(ids)
                found += len(ids)
                position = int(row["previous_offset"])
        tail = [key for chunk in reversed(chunks) for key in chunk]
        return tail[len(tail) - wanted :] if len(tail) > wanted else tail

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
            await self._insert(table, rows)


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


def _pack(ids: Sequence[int]) -> str:
    return base64.b64encode(np.asarray(ids, dtype="<u8").tobytes()).decode()


def _unpack(text: str) -> list[int]:
    packed: list[int] = np.frombuffer(base64.b64decode(text), dtype="<u8").tolist()
    return packed
