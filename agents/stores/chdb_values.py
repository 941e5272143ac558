"""Values on their way into and out of chDB: Arrow arrays in, JSON values out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import pyarrow as pa

from agents.stores.integers import integers, type_code_of
from schemas.store import Column, StoreRejected

Decode = Callable[[Any], Any]

#: The name of a named tuple's item.
_ITEM_NAME: Final = re.compile(r"^\w+ (?=\w)")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def arrow_array(column: str, kind: str, values: Column) -> pa.Array:
    """One column as Arrow.

    Raises:
        StoreRejected, AttributeError, TypeError, OverflowError, ValueError: a value does not fit.
    """
    if kind == "String":
        # Loads the compiler, which commands that only read can do without.
        from streams.columnar.texts import packed_texts

        data, ends = packed_texts(values)
        return pa.LargeStringArray.from_buffers(
            len(ends) - 1, pa.py_buffer(ends), pa.py_buffer(data)
        )
    type_code = type_code_of(kind)
    if type_code is None:
        raise StoreRejected(f"{column} has type {kind}, which cannot be inserted")
    return pa.array(integers(type_code, values))


def decoder_of(kind: str) -> Decode | None:
    """What turns a JSON value of a column type into what the ClickHouse driver returns for it.

    ``None`` where JSON's own value is right already. Times arrive as epoch seconds in text.
    """
    name, _, rest = kind.partition("(")
    inner = rest.removesuffix(")")
    match name:
        case "Nullable" | "LowCardinality":
            return decoder_of(inner)
        case "DateTime" | "DateTime64":
            return _time
        case "Date" | "Date32":
            return date.fromisoformat
        case "Decimal":
            return Decimal
        case "Float32" | "Float64":
            return float
        case "UUID":
            return UUID
        case "Array":
            return _array_decoder(decoder_of(inner))
        case "Tuple":
            return _tuple_decoder([decoder_of(item) for item in _tuple_items(inner)])
        case _:
            return None


def _time(seconds: str) -> datetime:
    return _EPOCH + timedelta(microseconds=int(Decimal(seconds) * 1_000_000))


def _array_decoder(decode: Decode | None) -> Decode | None:
    if decode is None:
        return None
    return lambda values: [None if value is None else decode(value) for value in values]


def _tuple_decoder(decoders: Sequence[Decode | None]) -> Decode:
    return lambda values: tuple(
        value if decode is None or value is None else decode(value)
        for decode, value in zip(decoders, values, strict=True)
    )


def _tuple_items(inner: str) -> list[str]:
    """Split ``UInt8, b Array(Tuple(Int8, Int8))`` into the types of its items."""
    items = [""]
    depth = 0
    for part in inner.split(", "):
        items[-1] += f", {part}" if depth else part
        depth += part.count("(") - part.count(")")
        if depth == 0:
            items.append("")
    return [_ITEM_NAME.sub("", item) for item in items[:-1]]
