"""A store in memory that merges as the real tables do, and answers what the sink asks.

Engines, sorting keys and versions are read from the migrations, so that a change there changes the
simulation too. Readers see the merged rows, as with ``FINAL``.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from agents.restore import CELL_LINKS, ID_LINKS, LEDGER_SINCE, NEWEST_CHECKPOINTS
from agents.sink import LEDGER_OF_IDS, POSITIONS
from agents.stores.values import plain_values
from schemas.migrate import list_migrations
from schemas.rows import ACTIVITY_VALUES, COLUMNS, PRODUCT_VALUES, SALES_VALUES
from schemas.store import Column, Params, StoreRejected, StoreUnavailable

#: The tables whose rows only ever grow, and the columns that do.
GROWING: Final = {
    "activity_window": ACTIVITY_VALUES,
    "sales_window": SALES_VALUES,
    "product_window": PRODUCT_VALUES,
}

#: Written last and next to each other, so that who compares them rarely sees one alone.
_BOOKS: Final = frozenset({"sales_window", "ledger"})
#: What may follow the books: each other, and then the end of the flush.
_AFTER_BOOKS: Final = _BOOKS | {"checkpoint_link", "checkpoint"}

_DDL: Final = re.compile(
    r"CREATE TABLE IF NOT EXISTS (?P<table>\w+) .* ENGINE = (?P<engine>\w+)"
    r"(?:\((?P<version>\w*)\))?.*?(?:ORDER BY \((?P<key>[^)]*)\))?\s*$",
    re.DOTALL,
)

Row = tuple[Any, ...]


class Violation(AssertionError):
    """Something that must never happen has happened."""


@dataclass(frozen=True)
class Engine:
    """How a table merges.

    Attributes:
        columns: names of the columns, in the order in which they are written.
        key: places of the sorting key's columns.
        version: place of the version; ``None`` where the row inserted last wins.
    """

    columns: tuple[str, ...]
    key: tuple[int, ...]
    version: int | None


def engines() -> dict[str, Engine]:
    """The engines of the tables that a worker writes, as the migrations have them."""
    found = {}
    for migration in list_migrations():
        for statement in migration.statements:
            ddl = _DDL.match(statement)
            if ddl is None or ddl["table"] not in COLUMNS:
                continue
            columns = COLUMNS[ddl["table"]]
            if ddl["engine"] == "Null":  # audience_in: a view makes a set union of its rows
                engine = Engine(columns, tuple(range(len(columns))), None)
            else:
                key = tuple(columns.index(name.strip()) for name in ddl["key"].split(","))
                version = columns.index(ddl["version"]) if ddl["version"] else None
                engine = Engine(columns, key, version)
            found[ddl["table"]] = engine
    return found


ENGINES: Final = engines()


class SimStore:
    """The server: merged rows, and inserts that are still on their way.

    It also watches over what readers and zombies rely on, and notes every violation: two rows with
    the same key and version are equal, and no value of a window row ever gets smaller.
    """

    def __init__(self) -> None:
        self.rows: dict[str, dict[Row, Row]] = {table: {} for table in ENGINES}
        #: Inserts whose caller does not know how they ended; they may still happen.
        self.on_their_way: list[tuple[str, list[Row]]] = []
        self.violations: list[str] = []
        self._versions: dict[tuple[str, Row, int], Row] = {}
        self._answers: dict[str, Callable[[Any], list[dict[str, Any]]]] = {
            NEWEST_CHECKPOINTS: self._newest_checkpoints,
            POSITIONS: self._positions,
            LEDGER_SINCE: self._ledger_since,
            ID_LINKS: self._links,
            CELL_LINKS: self._links,
            LEDGER_OF_IDS: self._ledger_of_ids,
        }

    # --- writing -----------------------------------------------------------------------------

    def merge(self, table: str, rows: Iterable[Row]) -> None:
        """Insert rows; the highest version of a key stays, the last one of equals."""
        engine, merged = ENGINES[table], self.rows[table]
        for row in rows:
            key = tuple(row[place] for place in engine.key)
            before = merged.get(key)
            if engine.version is not None:
                self._watch_version(table, key, row, row[engine.version])
            if before is None:
                merged[key] = row
            elif self.replaces(table, before, row):
                self._watch_growth(table, before, row)
                merged[key] = row

    def replaces(self, table: str, before: Row, row: Row) -> bool:
        """Whether a row takes the place of one that was inserted before it."""
        version = ENGINES[table].version
        return version is None or bool(row[version] >= before[version])

    def _watch_version(self, table: str, key: Row, row: Row, version: int) -> None:
        first = self._versions.setdefault((table, key, version), row)
        if first != row:
            self.violations.append(f"{table}: one version, two rows: {first} and {row}")

    def _watch_growth(self, table: str, before: Row, now: Row) -> None:
        width = len(GROWING.get(table, ()))
        if any(now[-place] < before[-place] for place in range(1, width + 1)):
            self.violations.append(f"{table}: a total went backwards: {before} became {now}")

    def land(self, which: int) -> None:
        """Let an insert that is on its way happen."""
        table, rows = self.on_their_way.pop(which)
        self.merge(table, rows)

    # --- reading -----------------------------------------------------------------------------

    def query(self, sql: str, params: Params) -> list[dict[str, Any]]:
        """Answer one of the sink's questions."""
        links = [each for each in (ID_LINKS, CELL_LINKS) if sql.startswith(each)]
        return self._answers[links[0] if links else sql](params)

    def holds(self, table: str, row: Row) -> bool:
        """Whether a reader sees a row, or a newer version of it."""
        engine = ENGINES[table]
        found = self.rows[table].get(tuple(row[place] for place in engine.key))
        assert engine.version is not None
        return found is not None and bool(found[engine.version] >= row[engine.version])

    def position(self, topic: str, partition: int) -> int:
        """Where the durable checkpoint of a partition stands; 0 without one."""
        found = self._newest_checkpoints({"places": [f"{topic}/{partition}"]})
        return int(found[0]["next_offset"]) if found else 0

    def _of(self, table: str) -> list[dict[str, Any]]:
        names = COLUMNS[table]
        return [dict(zip(names, row, strict=True)) for row in self.rows[table].values()]

    def _newest_checkpoints(self, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        newest: dict[str, dict[str, Any]] = {}
        for row in sorted(self._of("checkpoint"), key=lambda row: int(row["next_offset"])):
            newest[f"{row['kafka_topic']}/{row['kafka_partition']}"] = row
        return [row for name, row in newest.items() if name in params["places"]]

    def _positions(self, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        return self._of("checkpoint")

    def _ledger_since(self, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        begin = (params["partition"], params["since"])
        found = {
            (row["kafka_partition"], row["kafka_offset"]): row
            for row in self._of("ledger")
            if row["kafka_topic"] == params["topic"]
            and row["kafka_partition"] in params["partitions"]
            and (row["kafka_partition"], row["kafka_offset"]) >= begin
        }
        return [found[place] for place in sorted(found)][: params["limit"]]

    def _links(self, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        asked = [
            tuple(params[f"{name}{number}"] for name in ("topic", "partition", "above", "upto"))
            for number in range(len(params) // 4)
        ]
        return [
            row
            for row in self._of("checkpoint_link")
            for topic, partition, above, upto in asked
            if (row["kafka_topic"], row["kafka_partition"]) == (topic, partition)
            and above < row["next_offset"] <= upto
        ]

    def _ledger_of_ids(self, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [
            row
            for row in self._of("ledger")
            if (row["kafka_topic"], row["kafka_partition"])
            == (params["topic"], params["partition"])
            and row["id"] in params["ids"]
            and row["kafka_offset"] < params["below"]
        ]


class Fault(Enum):
    """What happens to one attempt of a store call, before it is tried again."""

    #: Nothing is written, and the caller is told so.
    AWAY = auto()
    #: All is written, but the answer is lost.
    LOST = auto()
    #: Only a part is written.
    HALF = auto()
    #: The caller gives up waiting, and the insert happens later, or never.
    LATE = auto()
    #: The store refuses for good; nothing is written.
    REJECTED = auto()


class Connection:
    """One worker's ``Store``: the server, and the faults between them."""

    def __init__(self, server: SimStore) -> None:
        self._server = server
        #: What happens to the next attempts; nothing bad once it is empty.
        self.faults: deque[Fault] = deque()
        #: What others do between one attempt or question of a call and the next.
        self.meanwhile: Callable[[], None] | None = None
        #: The table or question that the call under way is about; empty before it asks for one.
        self.asked = ""
        self._is_first = True
        self._has_books = False

    def begin(self, faults: Iterable[Fault], meanwhile: Callable[[], None] | None = None) -> None:
        """Prepare for one call of the worker, which may take several attempts and questions."""
        self.faults = deque(faults)
        self.meanwhile = meanwhile
        self.asked = ""
        self._is_first = True

    def _next_fault(self, asked: str) -> Fault | None:
        self.asked = asked
        if self.meanwhile is not None and not self._is_first:
            self.meanwhile()
        self._is_first = False
        return self.faults.popleft() if self.faults else None

    def ensure_schema(self) -> None:
        """The tables are there."""

    def close(self) -> None:
        """Nothing to release."""

    def insert(self, table: str, columns: Mapping[str, Column]) -> None:
        """Insert, or fail as the next fault says."""
        plain = (plain_values(columns[name]) for name in COLUMNS[table])
        rows = list(zip(*plain, strict=True))
        fault = self._next_fault(table)
        self._watch_order(table)
        if fault is Fault.REJECTED:
            raise StoreRejected("refused")
        if fault is Fault.LATE:
            self._server.on_their_way.append((table, rows))
        elif fault is Fault.HALF:
            self._server.merge(table, rows[: (len(rows) + 1) // 2])
        elif fault is not Fault.AWAY:
            self._server.merge(table, rows)
        if fault is not None:
            raise StoreUnavailable(fault.name)

    def query(self, sql: str, params: Params | None = None) -> list[dict[str, Any]]:
        """Answer, or fail as the next fault says."""
        fault = self._next_fault(sql)
        if fault is Fault.REJECTED:
            raise StoreRejected("refused")
        if fault is not None:
            raise StoreUnavailable(fault.name)
        return self._server.query(sql, params or {})

    def _watch_order(self, table: str) -> None:
        if self._has_books and table not in _AFTER_BOOKS:
            self._server.violations.append(f"{table} was inserted after the books of its flush")
        self._has_books = table in _BOOKS or (self._has_books and table != "checkpoint")
