"""Opening stores for the commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from agents.stores import open_store
from schemas.store import Store


def open_reader(store: Store, address: str) -> Store:
    """A second connection to the same store, for another thread."""
    reader = getattr(store, "reader", None)
    if reader is not None:
        second: Store = reader()
        return second
    return open_store(address)


@contextmanager
def reading(address: str) -> Iterator[Store]:
    """Open a store with its schema, and close it again."""
    store = open_store(address)
    try:
        store.ensure_schema()
        yield store
    finally:
        store.close()
