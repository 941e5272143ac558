"""The interface of the store: ClickHouse over the network, or chDB in this process.

The backends live in ``agents/stores/``; readers (reports, live page, reconcile) see only this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

Params = Mapping[str, str | int | float | Sequence[str] | Sequence[int]]
Row = dict[str, Any]


class Values(Protocol):
    """A column that is not made of Python objects: an array, or one of ``streams.columns``."""

    def __len__(self) -> int: ...

    def tolist(self) -> list[Any]:
        """The values as Python objects."""


#: The values of one column, in the order of the rows.
Column: TypeAlias = Sequence[Any] | Values


class Store(Protocol):
    """What every backend offers. All calls block; an instance belongs to one thread at a time."""

    def ensure_schema(self) -> None:
        """Apply the numbered migrations that this database has not seen yet."""

    def insert(self, table: str, columns: Mapping[str, Column]) -> None:
        """Insert equally long columns; returns once the store has acknowledged them.

        A column is a list or a tuple, an array of integers (numpy), or one of ``streams.columns``.
        Integers are sent for ``DateTime`` columns (epoch seconds). The call is not retried
        inside; it is safe to call again with the same rows.

        Raises:
            StoreUnavailable: it may work later (connection lost, timeout, too many parts).
            StoreRejected: it never will (schema or type error); a defect of ours.
        """

    def query(self, sql: str, params: Params | None = None) -> list[Row]:
        """Run one SELECT; ``%(name)s`` in the SQL is filled in, escaped, from ``params``.

        Returns:
            One dict per row. Integers are ``int``, ``DateTime`` is an aware UTC ``datetime``.

        Raises:
            StoreUnavailable, StoreRejected: as for ``insert``.
        """

    def close(self) -> None:
        """Release the connection or directory. Closing twice does nothing."""


class StoreError(Exception):
    """A store call failed.

    ::

    StoreError
    ├── StoreUnavailable   retry later
    └── StoreRejected      do not retry
    """


class StoreUnavailable(StoreError):
    """The store cannot be reached, or asks to be left alone for a moment."""


class StoreRejected(StoreError):
    """The store understood the request and refuses it."""
