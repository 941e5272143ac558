from __future__ import annotations

import re

from schemas.migrate import list_migrations
from schemas.rows import COLUMNS
from tests.fixtures.ddl import ddl_columns


def test_the_worker_writes_the_columns_of_the_ddl_in_its_order() -> None:
    written_by_a_view = {"audience"}
    tables = {name: c for name, c in ddl_columns().items() if name not in written_by_a_view}
    assert {name: tuple(columns) for name, columns in tables.items()} == COLUMNS


def test_every_statement_of_a_migration_can_be_run_again() -> None:
    repeatable = re.compile(r"(CREATE (TABLE|VIEW|MATERIALIZED VIEW) IF NOT|DROP \w+ IF) EXISTS ")
    for migration in list_migrations():
        for statement in migration.statements:
            assert repeatable.match(statement), f"{migration.name}: {statement[:80]}"
