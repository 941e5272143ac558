"""Applying the numbered migrations, in the same way to every backend."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from agents.stores.errors import ALREADY_EXISTS, ServerRefused
from schemas.migrate import list_migrations
from schemas.store import Store

logger = logging.getLogger(__name__)

_VERSIONS: Final = """
CREATE TABLE IF NOT EXISTS schema_version (
    version    UInt32,
    name       String,
    applied_at DateTime('UTC') DEFAULT now()
) ENGINE = ReplacingMergeTree()
ORDER BY version
"""


def apply_migrations(store: Store, run: Callable[[str], None]) -> None:
    """Bring a database up to date.

    1. Create ``schema_version`` if it is missing.
    2. For each migration that it does not list: run the statements in order, then list it.

    There is no lock between workers. Two that start together both run the statements, each of
    which may be repeated; a worker that dies half way leaves the migration unlisted, and the next
    one runs it again from the top.

    Args:
        store: where the list is kept.
        run: executes one statement without a result on the same database.

    Raises:
        StoreUnavailable, StoreRejected: as from ``store``.
    """
    _tolerantly(run, _VERSIONS)
    listed = store.query("SELECT DISTINCT version FROM schema_version")
    applied = {row["version"] for row in listed}
    for migration in list_migrations():
        if migration.version in applied:
            continue
        for statement in migration.statements:
            _tolerantly(run, statement)
        store.insert("schema_version", {"version": [migration.version], "name": [migration.name]})
        logger.info("applied migration %04d %s", migration.version, migration.name)


def _tolerantly(run: Callable[[str], None], statement: str) -> None:
    """Run a statement; that another worker created the same thing a moment ago is no error.

    ``IF NOT EXISTS`` is checked before the server takes its lock, so two at once can both pass.
    """
    try:
        run(statement)
    except ServerRefused as error:
        if error.code not in ALREADY_EXISTS:
            raise
