"""The two backends of ``schemas.store.Store``, and the way to one from its address.

``open_store("clickhouse://…")`` speaks to a server, ``open_store("chdb://DIRECTORY")`` runs the
engine inside of this process. ``retrying`` repeats a call until the store answers.
"""

from __future__ import annotations

from pathlib import Path

from agents.stores.config import ADDRESS_HINT, ClickHouseSettings, RetryPolicy, clickhouse_settings
from agents.stores.retry import retrying
from schemas.errors import Unavailable, UsageError
from schemas.store import Store

__all__ = ["ClickHouseSettings", "RetryPolicy", "open_store", "retrying"]


def open_store(dsn: str) -> Store:
    """Open the store at an address.

    - ``clickhouse://user:password@host:port/database?option=value``; the options are the fields
      of ``ClickHouseSettings``. Nothing is connected before the first call.
    - ``clickhouses://…``: the same over TLS.
    - ``chdb://DIRECTORY``: absolute as ``chdb:///var/lib/liveshop``, relative as ``chdb://data``.
      The directory belongs to this process until ``close``.

    Raises:
        UsageError: the address cannot be read, or chDB is not installed.
        Unavailable: the directory is in use or cannot be used, or chDB cannot start.
    """
    scheme, separator, rest = dsn.partition("://")
    match scheme if separator else "":
        case "clickhouse" | "clickhouses":
            from agents.stores.clickhouse import ClickHouseStore

            return ClickHouseStore(clickhouse_settings(dsn))
        case "chdb" if rest:
            return _open_chdb(Path(rest))
        case _:
            raise UsageError("this is not the address of a store", ADDRESS_HINT)


def _open_chdb(directory: Path) -> Store:
    """Import chDB, which is an extra and costs 0.3 s and 200 MB, only when it is wanted."""
    try:
        from agents.stores.chdb import ChdbStore
    except ImportError as error:
        raise UsageError(
            "the embedded store chDB is not installed",
            "install it with: pip install 'liveshop[embedded]'",
        ) from error
    except RuntimeError as error:
        # It reads a config.xml that happens to lie in the current directory.
        raise Unavailable(
            "chDB cannot start here", f"run from a directory without a config.xml ({error})"
        ) from error
    return ChdbStore(directory)
