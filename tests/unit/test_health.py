"""When a supervisor is told to start a worker again."""

from __future__ import annotations

import pytest

from agents.worker import Worker, WorkerConfig
from schemas.store import Params, Row


class SilentStore:
    """Nobody asks it anything here."""

    def query(self, sql: str, params: Params | None = None) -> list[Row]:
        raise AssertionError(sql)

    ensure_schema = insert = close = query


@pytest.mark.parametrize(
    ("age_s", "store_answers", "ok", "sentence"),
    [
        (1, True, True, "flushing"),
        (40, True, False, "no flush for 40 s"),
        (40, False, True, "no flush for 40 s: the store does not answer"),
    ],
)
async def test_a_worker_that_does_not_flush_is_ill_unless_it_is_the_store_that_is_away(
    age_s: int, store_answers: bool, ok: bool, sentence: str
) -> None:
    worker = Worker(WorkerConfig(), SilentStore(), SilentStore())  # type: ignore[arg-type]
    worker.sink.is_up = store_answers
    worker.pipeline.last_flush -= age_s
    health = worker.health()
    assert (health.ok, health.sentence) == (ok, sentence)
