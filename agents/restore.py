"""Reads checkpoints and the state behind them back, for many partitions at once.

Every question is asked once for all of them. A column store reads whole granules of thousands of
rows: where each partition has some hundreds, it reads nearly as much for one as for all of them,
and a worker that takes over twenty would wait for the same read twenty times.
"""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson

from schemas.store import Store
from streams.cells import Cells, unpack_cells
from streams.dedup import Entry, Ids, RecentIds
from streams.fold import STATE_VERSION, Counts, Restored
from streams.sales import SalesFold

#: Topic and number of a partition.
Place = tuple[str, int]

#: The newest checkpoints of some partitions.
NEWEST_CHECKPOINTS: Final = (
    "SELECT * FROM checkpoint FINAL"
    " WHERE concat(kafka_topic, '/', toString(kafka_partition)) IN %(places)s"
    " ORDER BY kafka_topic, kafka_partition, next_offset DESC"
    " LIMIT 1 BY kafka_topic, kafka_partition"
)
#: The ledger's entries of some partitions of a topic, from an offset of one of them on.
LEDGER_SINCE: Final = (
    "SELECT kind, id, fingerprint, kafka_partition, kafka_offset FROM ledger FINAL"
    " WHERE kafka_topic = %(topic)s AND kafka_partition IN %(partitions)s"
    " AND (kafka_partition > %(partition)s"
    " OR kafka_partition = %(partition)s AND kafka_offset >= %(since)s)"
    " ORDER BY kafka_partition, kafka_offset LIMIT %(limit)s"
)
#: Links of the chains of checkpoints; a condition for each partition follows.
ID_LINKS: Final = (
    "SELECT kafka_topic, kafka_partition, next_offset, previous_offset, ids"
    " FROM checkpoint_link FINAL WHERE "
)
CELL_LINKS: Final = (
    "SELECT kafka_topic, kafka_partition, next_offset, previous_offset, cells_since, cells"
    " FROM checkpoint_link FINAL WHERE "
)
_LINKS_OF_ONE: Final = (
    "(kafka_topic = %(topic{0})s AND kafka_partition = %(partition{0})s"
    " AND next_offset > %(above{0})s AND next_offset <= %(upto{0})s)"
)

#: Ledger entries read back at once.
_LEDGER_AT_ONCE: Final = 100_000
#: Ids and entries that are restored together; about 40 bytes each, for a moment.
_TOGETHER: Final = 1_000_000
#: Offsets looked through for a number of ids: more than that, for some records bring none.
_SPARE: Final = 1_000


class BrokenChainError(Exception):
    """The store has lost a part of a fold's state; going on would count wrongly."""


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A checkpoint as the store has it.

    Attributes:
        next_offset: where the partition goes on.
        counts: what became of its records.
        state: of its fold.
    """

    next_offset: int
    counts: Counts
    state: Mapping[str, Any]


#: The newest checkpoint of each of some partitions.
Checkpoints = Mapping[Place, StoredCheckpoint]


def read_checkpoints(store: Store, places: Collection[Place]) -> dict[Place, StoredCheckpoint]:
    """The newest checkpoints; partitions without one are not among them."""
    if not places:
        return {}
    names = [f"{topic}/{partition}" for topic, partition in sorted(places)]
    return {
        (str(row["kafka_topic"]), int(row["kafka_partition"])): StoredCheckpoint(
            next_offset=int(row["next_offset"]),
            counts=Counts(**{name: int(row[name]) for name in Counts.__dataclass_fields__}),
            state=orjson.loads(base64.b64decode(row["state"])),
        )
        for row in store.query(NEWEST_CHECKPOINTS, {"places": names})
    }


def groups(checkpoints: Checkpoints, dedup_ids: int) -> Iterator[Checkpoints]:
    """Cut an assignment into groups whose memory is restored together, so that its size is bounded.

    Args:
        checkpoints: of the assignment.
        dedup_ids: ids per generation of the dedup memory.
    """
    group: dict[Place, StoredCheckpoint] = {}
    size = 0
    for place, checkpoint in checkpoints.items():
        more = (
            checkpoint.counts.folded
            if place[0] == SalesFold.topic.name
            else ids_wanted(checkpoint, dedup_ids)
        )
        if group and size + more > _TOGETHER:
            yield group
            group, size = {}, 0
        group[place] = checkpoint
        size += more
    if group:
        yield group


def read_memory(store: Store, checkpoints: Checkpoints, dedup_ids: int) -> dict[Place, Restored]:
    """Everything that the folds of some partitions need to go on.

    Raises:
        BrokenChainError: the store has lost a part of it.
    """
    # A fold refuses the others, and says why; their memory may be kept in another way.
    known = {
        place: one for place, one in checkpoints.items() if one.state.get("v") == STATE_VERSION
    }
    sales = {place: one for place, one in known.items() if place[0] == SalesFold.topic.name}
    others = {place: one for place, one in known.items() if place not in sales}
    ledgers = read_ledger(store, {place[1]: one.next_offset for place, one in sales.items()})
    tails = read_id_tails(store, others, dedup_ids)
    cells = read_cells(store, known)
    restored = {}
    for place, one in checkpoints.items():
        since = one.state["dedup"].get("previous_from", 0)
        ledger = ledgers.get(place[1], []) if place in sales else []
        restored[place] = Restored(
            next_offset=one.next_offset,
            counts=one.counts,
            state=one.state,
            cells=cells.get(place, ()),
            id_tail=tails.get(place, ()),
            entries=[entry for entry in ledger if entry.offset >= since],
            forgotten=[(entry.kind, entry.id) for entry in ledger if entry.offset < since],
        )
    return restored


def read_ledger(store: Store, until: Mapping[int, int]) -> dict[int, list[Entry]]:
    """The ledger's entries of partitions of purchases, in offset order.

    Args:
        store: where it is.
        until: partition → its position. Entries at or above it were written, but their records
            will be replayed: restoring them would make the replay a duplicate, and money would
            disappear.
    """
    found: dict[int, list[Entry]] = defaultdict(list)
    partition = since = 0
    while until:
        rows = store.query(
            LEDGER_SINCE,
            {
                "topic": SalesFold.topic.name,
                "partitions": sorted(until),
                "partition": partition,
                "since": since,
                "limit": _LEDGER_AT_ONCE,
            },
        )
        for row in rows:
            partition, offset = int(row["kafka_partition"]), int(row["kafka_offset"])
            if offset < until[partition]:
                entry = Entry(str(row["kind"]), str(row["id"]), int(row["fingerprint"]), offset)
                found[partition].append(entry)
            since = offset + 1
        if len(rows) < _LEDGER_AT_ONCE:
            break
    return found


def ids_wanted(checkpoint: StoredCheckpoint, dedup_ids: int) -> int:
    """How many ids a restored memory needs."""
    return RecentIds.tail_length(dedup_ids, checkpoint.state["dedup"]["admitted"])


def read_id_tails(
    store: Store, checkpoints: Checkpoints, dedup_ids: int
) -> dict[Place, Sequence[int]]:
    """The last ids of the dedup memory, as many as it needs."""
    walks = [
        _IdWalk(place, one.next_offset, ids_wanted(one, dedup_ids))
        for place, one in checkpoints.items()
    ]
    _walk_back(store, ID_LINKS, walks)
    return {walk.place: walk.tail() for walk in walks}


def read_cells(
    store: Store, checkpoints: Checkpoints
) -> dict[Place, Sequence[Mapping[str, Cells]]]:
    """The open windows, from the newest link that has all of them on."""
    walks = [_CellWalk(place, one.next_offset) for place, one in checkpoints.items()]
    _walk_back(store, CELL_LINKS, walks)
    return {walk.place: walk.links() for walk in walks}


def _walk_back(store: Store, links: str, walks: Sequence[_Walk]) -> None:
    """Walk chains of checkpoints back until each has found what it looks for.

    Rows that are not on a chain were written by a worker that died before its checkpoint, or by
    one that had lost the partition; they say nothing new. Such a worker may also have written a row
    in the place of one of the chain. It says the same of that position in another way, and leads on
    to where that worker began; so a walk goes by what the rows say that it meets.
    """
    while hungry := [walk for walk in walks if walk.is_hungry]:
        found: dict[Place, dict[int, Mapping[str, Any]]] = defaultdict(dict)
        params: dict[str, Any] = {}
        for number, walk in enumerate(hungry):
            params |= walk.question(number)
        conditions = " OR ".join(map(_LINKS_OF_ONE.format, range(len(hungry))))
        for row in store.query(links + conditions, params):
            place = (str(row["kafka_topic"]), int(row["kafka_partition"]))
            found[place][int(row["next_offset"])] = row
        for walk in hungry:
            walk.go_on(found[walk.place])


class _Walk(ABC):
    """The way back along one chain.

    Args:
        place: the partition.
        position: of its checkpoint.
    """

    def __init__(self, place: Place, position: int) -> None:
        self.place = place
        self._position = position
        self._above = position

    @property
    @abstractmethod
    def is_hungry(self) -> bool:
        """Whether something is still to be found."""

    @abstractmethod
    def _look(self) -> int:
        """Above which position to look next."""

    @abstractmethod
    def _take(self, link: Mapping[str, Any]) -> None:
        """Take what a link has."""

    @abstractmethod
    def _missing(self) -> str:
        """What a link that is not there would have had."""

    def question(self, number: int) -> dict[str, str | int]:
        """What to ask for next: a stretch of offsets."""
        topic, partition = self.place
        self._above = max(0, min(self._look(), self._position - 1))
        return {
            f"topic{number}": topic,
            f"partition{number}": partition,
            f"above{number}": self._above,
            f"upto{number}": self._position,
        }

    def go_on(self, links: Mapping[int, Mapping[str, Any]]) -> None:
        """Follow the links of that stretch."""
        first = True
        while self.is_hungry and (first or self._position > self._above):
            link = links.get(self._position)
            if link is None:
                raise BrokenChainError(f"{self.place[0]}/{self.place[1]}: {self._missing()}")
            self._take(link)
            self._position = int(link["previous_offset"])
            first = False


class _IdWalk(_Walk):
    """Looks for a number of ids, in stretches that grow."""

    def __init__(self, place: Place, position: int, wanted: int) -> None:
        super().__init__(place, position)
        self._wanted = wanted
        self._found = 0
        self._chunks: list[list[int]] = []
        self._reach = wanted + wanted // 8 + _SPARE

    @property
    def is_hungry(self) -> bool:
        return self._found < self._wanted

    def _look(self) -> int:
        above = self._position - self._reach
        self._reach *= 2
        return above

    def _take(self, link: Mapping[str, Any]) -> None:
        ids = unpack(str(link["ids"]))
        self._chunks.append(ids)
        self._found += len(ids)

    def _missing(self) -> str:
        return (
            f"the ids that lead to offset {self._position} are missing, "
            f"{self._wanted - self._found} of {self._wanted} cannot be restored"
        )

    def tail(self) -> list[int]:
        """The last ids, in order, no more than were wanted."""
        tail = [key for chunk in reversed(self._chunks) for key in chunk]
        return tail[len(tail) - self._wanted :] if len(tail) > self._wanted else tail


class _CellWalk(_Walk):
    """Looks for a link with all open windows; the newest one says where that is."""

    def __init__(self, place: Place, position: int) -> None:
        super().__init__(place, position)
        self._since = position
        self._cells: list[Mapping[str, Cells]] = []
        self.is_complete = False

    @property
    def is_hungry(self) -> bool:
        return not self.is_complete

    def _look(self) -> int:
        return self._since

    def _take(self, link: Mapping[str, Any]) -> None:
        self._cells.append(unpack_cells(str(link["cells"])))
        self._since = int(link["cells_since"])
        self.is_complete = self._since == int(link["previous_offset"])

    def _missing(self) -> str:
        return f"the open windows that lead to offset {self._position} are missing"

    def links(self) -> list[Mapping[str, Cells]]:
        """What was found, the oldest first."""
        return self._cells[::-1]


def sign(state: bytes, newest: tuple[int, int]) -> bytes:
    """The state of a fold, a JSON object, and the record that it folded last.

    Should the topic be created anew, another record will be in its place. Workers of a version that
    does not know it pass over it.

    Args:
        state: of the fold.
        newest: offset of the record, and when it was appended, epoch milliseconds.
    """
    return b'{"newest":[%d,%d],%b' % (*newest, state[1:])


def signature(state: Mapping[str, Any]) -> tuple[int, int] | None:
    """What :func:`sign` added; ``None`` for a checkpoint of an older version."""
    newest = state.get("newest")
    return None if newest is None else (int(newest[0]), int(newest[1]))


def pack(ids: Ids) -> str:
    """Ids as the store keeps them."""
    return base64.b64encode(np.asarray(ids, dtype="<u8").tobytes()).decode()


def unpack(text: str) -> list[int]:
    """What :func:`pack` made, as ids."""
    packed: list[int] = np.frombuffer(base64.b64decode(text), dtype="<u8").tolist()
    return packed
