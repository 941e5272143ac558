from __future__ import annotations

from collections.abc import Mapping

import pytest

from agents.stores.errors import ServerRefused
from agents.stores.migrations import apply_migrations
from agents.stores.values import plain_values
from schemas.migrate import list_migrations
from schemas.store import Column, Params, Row, StoreUnavailable

STATEMENTS = [s for migration in list_migrations() for s in migration.statements]


class RecordingStore:
    """Remembers what was run and listed; ``failure`` is raised by the statement of that number."""

    def __init__(self, failure: Exception | None = None, at: int = 0) -> None:
        self.ran: list[str] = []
        self.listed: list[int] = []
        self._failure = failure
        self._at = at

    def run(self, statement: str) -> None:
        if "schema_version" in statement:
            return
        self.ran.append(statement)
        if self._failure is not None and len(self.ran) == self._at:
            raise self._failure

    def query(self, sql: str, params: Params | None = None) -> list[Row]:
        return [{"version": version} for version in self.listed]

    def insert(self, table: str, columns: Mapping[str, Column]) -> None:
        self.listed += plain_values(columns["version"])

    def ensure_schema(self) -> None:
        apply_migrations(self, self.run)

    def close(self) -> None: ...


def test_every_statement_runs_once_and_in_order() -> None:
    store = RecordingStore()
    store.ensure_schema()
    store.ensure_schema()
    assert store.ran == STATEMENTS
    assert store.listed == [migration.version for migration in list_migrations()]


def test_only_what_is_new_is_applied() -> None:
    store = RecordingStore()
    store.listed = [1]
    store.ensure_schema()
    assert store.ran == STATEMENTS[len(list_migrations()[0].statements) :]


@pytest.mark.parametrize("code", [57, 58, 82])
def test_what_another_worker_created_a_moment_ago_is_no_error(code: int) -> None:
    store = RecordingStore(ServerRefused(code, "already exists"), at=3)
    store.ensure_schema()
    assert store.ran == STATEMENTS


@pytest.mark.parametrize("failure", [ServerRefused(62, "syntax"), StoreUnavailable("gone")])
def test_a_migration_that_failed_is_not_listed_and_runs_again_from_its_top(
    failure: Exception,
) -> None:
    store = RecordingStore(failure, at=3)
    with pytest.raises(type(failure)):
        store.ensure_schema()
    assert store.listed == []
    store.ensure_schema()
    assert store.ran == STATEMENTS[:3] + STATEMENTS
