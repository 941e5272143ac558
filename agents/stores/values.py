"""What goes into a store, checked and escaped in the same way for every backend."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from schemas.store import Column, Params, StoreRejected

#: Names of tables, columns and databases that need no quoting.
PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLACEHOLDER: Final = re.compile(r"%\((\w+)\)s")
_ESCAPES: Final = str.maketrans(
    {
        "\\": "\\\\",
        "'": "\\'",
        "\0": "\\0",  # ends the query text on a server
        "\n": "\\n",  # two of them end it in chDB
        "\r": "\\r",
        "\t": "\\t",
        "\b": "\\b",
        "\f": "\\f",
    }
)


def plain_values(values: Column) -> Sequence[Any]:
    """A column as the list or tuple of Python objects that the driver wants."""
    return values if isinstance(values, Sequence) else values.tolist()


def row_count(table: str, columns: Mapping[str, Column]) -> int:
    """How many rows the columns hold.

    Raises:
        StoreRejected: there are no columns, they differ in length, or a name is no plain word.
    """
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1:
        shape = ", ".join(f"{name}: {len(values)}" for name, values in columns.items())
        raise StoreRejected(f"{table}: the columns must be equally long, not {{{shape}}}")
    for name in (table, *columns):
        if not PLAIN_NAME.fullmatch(name):
            raise StoreRejected(f"{name!r} is not the name of a table or column")
    return lengths.pop()


def fill_in(sql: str, params: Params | None) -> str:
    """Replace each ``%(name)s`` by its value as a SQL literal; other percent signs stay.

    Text is quoted and escaped, a sequence becomes ``(a, b)`` for use after ``IN``.

    Raises:
        StoreRejected: a name has no value, a value has no literal, or a sequence is empty (SQL
            has no empty list: leave the condition out instead).
    """
    if params is None:
        return sql

    def literal_of(placeholder: re.Match[str]) -> str:
        name = placeholder[1]
        if name not in params:
            raise StoreRejected(f"the query needs a parameter {name!r}")
        return _literal(name, params[name])

    return _PLACEHOLDER.sub(literal_of, sql)


def _literal(name: str, value: str | int | float | Sequence[str] | Sequence[int]) -> str:
    match value:
        case str():
            if any("\ud800" <= character <= "\udfff" for character in value):
                raise StoreRejected(f"parameter {name!r} is no valid text: a lone surrogate")
            return f"'{value.translate(_ESCAPES)}'"
        case int() | float():
            # In brackets, or "x -%(n)s" with a negative n begins a comment.
            return f"({value + 0!r})" if value < 0 else repr(value + 0)
        case list() | tuple() if value:
            return f"({', '.join(_literal(name, item) for item in value)})"
        case _:
            raise StoreRejected(f"parameter {name!r} cannot be written as a SQL literal")
