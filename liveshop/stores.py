"""Opening stores for the commands that read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agents.stores import open_store
from agents.stores.errors import ServerRefused
from schemas.errors import Unavailable, UsageError
from schemas.migrate import list_migrations
from schemas.store import Store

_UNKNOWN_TABLE = 60
_EMBEDDED = "chdb://"


def embedded_directory(address: str) -> Path | None:
    """The directory of an embedded store; ``None`` for a server's address."""
    return Path(address.removeprefix(_EMBEDDED)) if address.startswith(_EMBEDDED) else None


def open_reader(store: Store, address: str) -> Store:
    """A second connection to the same store, for another thread."""
    reader = getattr(store, "reader", None)
    if reader is not None:
        second: Store = reader()
        return second
    return open_store(address)


@contextmanager
def opened(address: str) -> Iterator[Store]:
    """Open a store that is there already, and close it again. Creates nothing.

    Raises:
        Unavailable: there is no store, or another process has its directory.
        UsageError: the address cannot be used.
    """
    directory = embedded_directory(address)
    if directory is not None and not holds_store(directory):
        raise Unavailable(
            f"There is no store in {directory}.",
            "A worker creates it; name its directory with --store chdb://DIRECTORY.",
        )
    store = open_store(address)
    try:
        yield store
    finally:
        store.close()


def holds_store(directory: Path) -> bool:
    """Whether the embedded engine has written to a directory."""
    return (directory / "metadata").is_dir()


@contextmanager
def reading(address: str) -> Iterator[Store]:
    """Open a store whose tables are those that this program reads. Changes nothing.

    Raises:
        Unavailable, UsageError: as :func:`opened`, or it has other tables.
    """
    with opened(address) as store:
        need_schema(store)
        yield store


def need_schema(store: Store) -> int:
    """The version of the store's tables, if it is ours.

    Raises:
        UsageError: it has none yet, or they are older or newer than this program.
    """
    applied = schema_version(store)
    newest = list_migrations()[-1].version
    if not applied:
        raise UsageError("The store has no tables yet.", "A worker creates them when it starts.")
    if applied < newest:
        raise UsageError(
            f"The store's tables have version {applied}, this program needs {newest}.",
            "A worker brings them up to date when it starts.",
        )
    if applied > newest:
        raise UsageError(
            f"The store's tables have version {applied}, this program only knows {newest}.",
            "Use the version of liveshop that the workers have.",
        )
    return applied


def schema_version(store: Store) -> int:
    """The newest migration that was applied; 0 for none."""
    try:
        row = store.query("SELECT max(version) AS version FROM schema_version")[0]
    except ServerRefused as error:
        if error.code != _UNKNOWN_TABLE:
            raise
        return 0
    return int(row["version"])
