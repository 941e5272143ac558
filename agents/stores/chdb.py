"""chDB: ClickHouse's engine inside of this process, with its data in one directory.

Found by trying (chDB 26.9), and guarded against here:

- after a failed query the connection returns what that query had written so far together with the
  next answer, so it is thrown away after any error;
- ``Python(list)`` reads integers as signed and wraps what does not fit, so columns are handed over
  as Arrow arrays of the table's own types, checked on the way;
- a process can have one directory open, and a directory one process;
- a forked child must not touch it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
from chdb._exceptions import ChdbError
from chdb.state import connect

from agents.stores import directory_lock
from agents.stores.chdb_values import arrow_array, decoder_of
from agents.stores.errors import StoreMissing, first_line, from_code
from agents.stores.migrations import apply_migrations
from agents.stores.values import fill_in, row_count
from schemas.store import Column, Params, Row, StoreRejected

_CODE: Final = re.compile(r"Code: (\d+)\.\s*")
#: So that JSON carries every value exactly; times travel as epoch seconds, free of time zones.
_OUTPUT: Final = (
    "SET date_time_output_format = 'unix_timestamp', output_format_json_quote_denormals = 1, "
    "output_format_json_quote_decimals = 1, output_format_json_quote_64bit_integers = 0, "
    "output_format_json_named_tuples_as_objects = 0"
)


class ChdbStore:
    """The ``Store`` interface over one chDB connection.

    Opening it takes about 20 ms, and 300 ms more the first time in a process.

    Args:
        directory: where the data is; created if it is missing.

    Raises:
        StoreMissing: the directory is in use, or cannot be used (also a
            ``schemas.errors.Unavailable``).
    """

    def __init__(self, directory: Path | str) -> None:
        self.directory = Path(directory).resolve()
        if "?" in str(self.directory):
            raise StoreMissing(
                f"chDB cannot open {self.directory}", "use a directory without a question mark"
            )
        directory_lock.acquire(self.directory)
        self._closed = False
        self._process = os.getpid()
        self._connection: Any = None
        self._types: dict[str, dict[str, str]] = {}
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"ChdbStore({str(self.directory)!r})"

    def reader(self) -> ChdbStore:
        """Another connection to the same directory, for use in another thread in parallel."""
        return ChdbStore(self.directory)

    def ensure_schema(self) -> None:
        """Apply the migrations that this directory has not seen yet."""
        apply_migrations(self, self._run)

    def insert(self, table: str, columns: Mapping[str, Column]) -> None:
        """Insert equally long columns as one block; see ``schemas.store.Store.insert``."""
        if row_count(table, columns) == 0:
            return
        names = ", ".join(columns)
        with self._translated():
            # Found by chDB under its name, in the frame that calls it.
            liveshop_rows = self._arrow_table(table, columns)  # noqa: F841
            self._connection.query(
                f"INSERT INTO {table} ({names}) SELECT {names} FROM Python(liveshop_rows)"  # noqa: S608 (names are checked)
            )

    def query(self, sql: str, params: Params | None = None) -> list[Row]:
        """Run one SELECT; see ``schemas.store.Store.query``."""
        filled_in = fill_in(sql, params)
        with self._translated():
            answer = self._connection.query(filled_in, "JSONCompact").bytes()
            result = orjson.loads(answer)
            columns = [(column["name"], decoder_of(column["type"])) for column in result["meta"]]
            return [
                {
                    name: value if decode is None or value is None else decode(value)
                    for (name, decode), value in zip(columns, row, strict=True)
                }
                for row in result["data"]
            ]

    def close(self) -> None:
        """Give the directory back; closing twice does nothing."""
        if self._closed:
            return
        self._closed = True
        self._disconnect()
        directory_lock.release(self.directory)

    def _run(self, statement: str) -> None:
        with self._translated():
            self._connection.query(statement)

    def _open(self) -> None:
        try:
            self._connection = connect(str(self.directory))
            self._connection.query(_OUTPUT)
        except (RuntimeError, ChdbError) as error:
            raise StoreMissing(
                f"chDB cannot open the data directory {self.directory}", first_line(str(error))
            ) from error

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        self._types.clear()
        if connection is not None:
            connection.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """An open connection; chDB's errors become ours, and any of them closes it."""
        if self._closed:
            raise StoreRejected("the store has been closed")
        if os.getpid() != self._process:
            raise StoreRejected("chDB cannot be used in a process forked from the one it ran in")
        if self._connection is None:
            self._open()
        try:
            yield
        except BaseException as error:
            self._disconnect()
            match error:
                case ChdbError():
                    message = str(error)
                    code = _CODE.search(message)
                    if code is None:
                        raise StoreRejected(first_line(message)) from error
                    raise from_code(int(code[1]), message[code.end() :]) from error
                case (
                    AttributeError()
                    | TypeError()
                    | ValueError()
                    | OverflowError()
                    | pa.ArrowException()
                ):
                    raise StoreRejected(f"a value was refused: {first_line(str(error))}") from error
            raise

    def _arrow_table(self, table: str, columns: Mapping[str, Column]) -> pa.Table:
        types = self._types_of(table)
        arrays: list[pa.Array] = []
        for name, values in columns.items():
            if name not in types:
                raise StoreRejected(f"{table} has no column {name}")
            arrays.append(arrow_array(f"{table}.{name}", types[name], values))
        fields = [
            pa.field(name, values.type, nullable=False)
            for name, values in zip(columns, arrays, strict=True)
        ]
        return pa.Table.from_arrays(arrays, schema=pa.schema(fields))

    def _types_of(self, table: str) -> dict[str, str]:
        if table not in self._types:
            described = self._connection.query(f"DESCRIBE TABLE {table}", "JSONCompact").bytes()
            self._types[table] = {row[0]: row[1] for row in orjson.loads(described)["data"]}
        return self._types[table]
