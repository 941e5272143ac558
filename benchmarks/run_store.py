"""The store of one run: empty at its start, of nobody else, gone at its end where it can be."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from agents.stores.config import ADDRESS_HINT, clickhouse_settings
from liveshop.embedded.clickhouse_server import ClickHouseServer
from schemas.errors import UsageError

CHDB: Final = "chdb"
CLICKHOUSE: Final = "clickhouse"
_SERVERS: Final = ("clickhouse://", "clickhouses://")


def kind_of(store: str) -> str:
    """``"chdb"`` or ``"clickhouse"``.

    Args:
        store: ``"chdb"``, ``"clickhouse"`` for a server of our own, or a server's address.

    Raises:
        UsageError: it is none of them.
    """
    if store in (CHDB, CLICKHOUSE):
        return store
    clickhouse_settings(store)
    if not store.startswith(_SERVERS):
        raise UsageError("A benchmark's store is a ClickHouse server, or chDB.", ADDRESS_HINT)
    return CLICKHOUSE


@contextmanager
def store_of_run(store: str, directory: Path) -> Iterator[str]:
    """The address of a store that nobody has used.

    Args:
        store: as for :func:`kind_of`. On a server that is somebody's, a database with a name of
            its own is used, and left.
        directory: where a store of our own keeps its data.

    Raises:
        Unavailable: there is no ``clickhouse-server`` program.
    """
    if store == CHDB:
        yield f"chdb://{(directory / 'store').resolve()}"
    elif store == CLICKHOUSE:
        with ClickHouseServer(directory / "clickhouse") as server:
            yield server.dsn()
    else:
        yield own_database(store, f"{time.time_ns()}")


def own_database(store: str, suffix: str) -> str:
    """The address of another database on the same server."""
    parts = urlsplit(store)
    return parts._replace(path=f"/{parts.path.strip('/') or 'liveshop'}_{suffix}").geturl()
