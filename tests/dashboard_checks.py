"""Does every query of a dashboard return data? Against a real Prometheus and a real store.

For the pipeline's own test: call both while the worker still answers at /metrics.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.error import HTTPError

from deploy.grafana import dashboard as generator
from deploy.grafana.queries import (
    CLICKHOUSE,
    PROMETHEUS,
    Query,
    Values,
    expand_promql,
    expand_sql,
    queries,
)
from schemas.store import Row, Store, StoreError
from tests.fixtures.prometheus import Prometheus

Dashboard = Mapping[str, Any]


def committed_dashboard() -> dict[str, Any]:
    """The dashboard as it is committed, which is what people load."""
    document: dict[str, Any] = json.loads(generator.PATH.read_text(encoding="utf-8"))
    return document


def assert_all_promql_return_data(
    prometheus: Prometheus, dashboard: Dashboard, currency: str, *, within_seconds: float = 20
) -> None:
    """Every PromQL query returns a number, and no alert rule fails to evaluate.

    Rates are taken over five minutes, so that a short run counts as a whole. A rate needs two
    scrapes, hence the patience.

    Args:
        prometheus: scrapes the worker as the job ``liveshop``.
        dashboard: the parsed JSON.
        currency: one in which orders were paid.
        within_seconds: how long a query may take to return its first number.
    """
    now = datetime.now(UTC)
    values = Values(start=now, end=now, currency=currency, rate_interval="5m")
    waiting = list(_of(dashboard, PROMETHEUS))
    assert waiting, "the dashboard asks Prometheus for nothing"
    deadline = time.monotonic() + within_seconds
    while True:
        answers = [(query, _promql_problem(prometheus, query, values)) for query in waiting]
        waiting = [query for query, problem in answers if problem]
        if not waiting or time.monotonic() > deadline:
            break
        time.sleep(0.25)
    problems = [f"{query.place}: {problem}: {query.text}" for query, problem in answers if problem]
    problems += [
        f"alert {rule['name']}: {rule['lastError']}"
        for rule in prometheus.rules()
        if rule["health"] == "err"
    ]
    assert not problems, "\n".join(problems)


def assert_all_sql_return_rows(
    store: Store,
    dashboard: Dashboard,
    start: datetime,
    end: datetime,
    currency: str,
    rooms: Sequence[str] = (),
) -> None:
    """Every SQL query returns a row with a value in it: panels, markers and variables.

    Args:
        store: holds the rows of a show with sales, traffic and chat.
        dashboard: the parsed JSON.
        start: before the show, aware.
        end: after its last event, but less than five minutes, aware.
        currency: what the show sells in.
        rooms: the choice at the top of the dashboard; none means "All".
    """
    values = Values(start=start, end=end, currency=currency, rooms=tuple(rooms))
    asked = list(_of(dashboard, CLICKHOUSE))
    assert asked, "the dashboard asks ClickHouse for nothing"
    answers = ((query, _sql_problem(store, query, values)) for query in asked)
    problems = [
        f"{query.place}: {problem}:\n{expand_sql(query.text, values)}"
        for query, problem in answers
        if problem
    ]
    assert not problems, "\n\n".join(problems)


def rows_of(store: Store, dashboard: Dashboard, place: str, values: Values) -> list[Row]:
    """The rows that one panel would show; ``place`` as in ``Query.place``."""
    (query,) = (query for query in _of(dashboard, CLICKHOUSE) if query.place == place)
    return store.query(expand_sql(query.text, values))


def _of(dashboard: Dashboard, source: str) -> Iterable[Query]:
    return (query for query in queries(dashboard) if query.source == source)


def _promql_problem(prometheus: Prometheus, query: Query, values: Values) -> str:
    try:
        series = prometheus.query(expand_promql(query.text, values))
    except HTTPError as error:
        return error.read().decode(errors="replace")
    if not series:
        return "no data"
    if all(math.isnan(float(one["value"][1])) for one in series):
        return "only NaN"
    return ""


def _sql_problem(store: Store, query: Query, values: Values) -> str:
    try:
        rows = store.query(expand_sql(query.text, values))
    except StoreError as error:
        return str(error)
    if not rows:
        return "no row"
    if not any(_is_value(cell) for row in rows for cell in row.values()):
        return "only empty cells"
    return ""


def _is_value(cell: object) -> bool:
    return cell is not None and not (isinstance(cell, float) and math.isnan(cell))
