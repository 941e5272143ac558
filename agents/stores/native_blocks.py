"""Inserts whose columns never become Python objects.

The driver makes a list of Python objects of each column, and bytes of that. Here columns become the
bytes of ClickHouse's native format as they are, in compiled code. Only the block's columns are ours:
the conversation with the server is the driver's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from clickhouse_driver import Client, defines
from clickhouse_driver.block import BlockInfo, ColumnOrientedBlock
from clickhouse_driver.streams.native import BlockOutputStream
from clickhouse_driver.varint import write_varint
from clickhouse_driver.writer import write_binary_str, write_binary_uint8

from agents.stores.integers import integers, type_code_of
from agents.stores.values import plain_values
from schemas.store import Column

_PLAIN: Final = 0


@dataclass(frozen=True, slots=True)
class NativeBlock:
    """A block whose columns are bytes already.

    Attributes:
        columns: name, type and content.
        num_rows: rows in each of them.
    """

    columns: Sequence[tuple[str, str, bytes]]
    num_rows: int
    info: BlockInfo = field(default_factory=BlockInfo)


class _NativeOutput(BlockOutputStream):  # type: ignore[misc]
    """The driver's stream of blocks, which also takes a :class:`NativeBlock`."""

    def write(self, block: Any) -> None:
        if not isinstance(block, NativeBlock):
            super().write(block)
            return
        revision = self.context.server_info.used_revision
        if revision >= defines.DBMS_MIN_REVISION_WITH_BLOCK_INFO:
            block.info.write(self.fout)
        write_varint(len(block.columns), self.fout)
        write_varint(block.num_rows, self.fout)
        for name, kind, content in block.columns:
            write_binary_str(name, self.fout)
            write_binary_str(kind, self.fout)
            if revision >= defines.DBMS_MIN_REVISION_WITH_CUSTOM_SERIALIZATION:
                write_binary_uint8(_PLAIN, self.fout)
            self.fout.write(content)
        self.finalize()


class NativeClient(Client):  # type: ignore[misc]
    """The driver's client, for columns as the folds hand them over; :meth:`connect` comes first."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        # The driver's own reconnect would fall back to the timeout of the login, and to its stream.
        super().__init__(*args, disable_reconnect=True, **settings)

    def connect(self) -> None:
        """Connect and log in."""
        self.connection.connect()
        stream = self.connection.block_out
        if type(stream) is BlockOutputStream:
            self.connection.block_out = _NativeOutput(stream.fout, stream.context)

    def send_data(
        self,
        sample_block: Any,
        data: Sequence[Column],
        types_check: bool = False,
        columnar: bool = False,
    ) -> int:
        """Send the rows of an insert; the driver calls it once the server has named the columns."""
        block = None
        if isinstance(self.connection.block_out, _NativeOutput):
            block = _native(sample_block.columns_with_types, data)
        if block is None:
            plain = [plain_values(values) for values in data]
            sent: int = super().send_data(sample_block, plain, types_check, columnar)
            return sent
        for one in (block, ColumnOrientedBlock()):
            self.connection.send_data(one)
            self.receive_profile_events()
        return block.num_rows


def _native(
    columns_with_types: Sequence[tuple[str, str]], data: Sequence[Column]
) -> NativeBlock | None:
    """A block of these columns; ``None`` where a type is unknown here."""
    columns = []
    for (name, kind), values in zip(columns_with_types, data, strict=True):
        content = _content(kind, values)
        if content is None:
            return None
        columns.append((name, kind, content))
    return NativeBlock(columns, len(data[0]))


def _content(kind: str, values: Column) -> bytes | None:
    if kind == "String":
        # Loads the compiler, which commands that only read can do without.
        from streams.columnar.texts import framed

        return framed(values)
    type_code = type_code_of(kind)
    return None if type_code is None else integers(type_code, values).tobytes()
