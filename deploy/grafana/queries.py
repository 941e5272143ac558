"""The queries inside of a dashboard, and what Grafana would send for them.

Grafana fills in variables in the browser, the ClickHouse plugin its macros on the server. These
functions do the same for the forms that our dashboards use, and refuse any other, so that every
query of the JSON can be run without Grafana.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from schemas.money import MINOR_DIGITS

PROMETHEUS: Final = "prometheus"
CLICKHOUSE: Final = "grafana-clickhouse-datasource"

_CONDITIONAL_ALL: Final = "$__conditionalAll("
#: ``$name``, ``${name}`` or ``${name:format}``.
_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)(?::(\w+))?\}|(\w+))")
_TIME_FILTER: Final = re.compile(r"\$__timeFilter\((\w+)\)")


@dataclass(frozen=True)
class Query:
    """One query of a dashboard.

    Attributes:
        place: where it stands, for people: the panel's title and the target's letter.
        source: ``PROMETHEUS`` or ``CLICKHOUSE``, the type of its data source.
        text: PromQL or SQL, as it is written in the JSON.
    """

    place: str
    source: str
    text: str


@dataclass(frozen=True)
class Values:
    """What a person has chosen at the top of the dashboard.

    Attributes:
        start: first instant of the time range; aware.
        end: last instant of the time range; aware.
        currency: ISO 4217 code.
        rooms: the chosen rooms; none means "All".
        rate_interval: what Grafana would take for ``$__rate_interval``: at least four scrapes.
        interval: what Grafana would take for ``$__interval``.
    """

    start: datetime
    end: datetime
    currency: str
    rooms: tuple[str, ...] = ()
    rate_interval: str = "1m"
    interval: str = "15s"


def panels(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All panels in the order of the JSON, rows and the panels inside of rows included."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", ())


def queries(dashboard: Mapping[str, Any]) -> Iterator[Query]:
    """The queries of panels, then of annotations, then of variables.

    Raises:
        KeyError: a target without a data source or without a query.
    """
    for panel in panels(dashboard):
        for target in panel.get("targets", ()):
            yield _query(f"{panel['title']} [{target['refId']}]", target)
    for annotation in dashboard["annotations"]["list"]:
        yield _query(f"annotation {annotation['name']}", annotation["target"])
    for variable in dashboard["templating"]["list"]:
        yield Query(
            f"variable {variable['name']}", variable["datasource"]["type"], variable["query"]
        )


def _query(place: str, target: Mapping[str, Any]) -> Query:
    source = target["datasource"]["type"]
    return Query(place, source, target["expr" if source == PROMETHEUS else "rawSql"])


def expand_promql(text: str, values: Values) -> str:
    """The PromQL that Prometheus would get.

    Raises:
        ValueError: it holds a variable that Grafana would not know.
    """
    return _fill_in(text, _variables(values))


def expand_sql(text: str, values: Values) -> str:
    """The SQL that ClickHouse would get: conditions, then variables, then macros, as Grafana does.

    Raises:
        ValueError: it holds a variable or macro that Grafana or the plugin would not know.
    """
    start, end = (f"toDateTime({int(at.timestamp())})" for at in (values.start, values.end))
    text = _drop_conditions_on_all(text, values)
    text = _TIME_FILTER.sub(rf"\1 >= {start} AND \1 <= {end}", text)
    return _fill_in(text, {**_variables(values), "__fromTime": start, "__toTime": end})


def _variables(values: Values) -> dict[str, str | tuple[str, ...]]:
    return {
        "currency": values.currency,
        "room": values.rooms,
        "minor_per_major": str(10 ** MINOR_DIGITS[values.currency]),
        "__rate_interval": values.rate_interval,
        "__interval": values.interval,
    }


def _fill_in(text: str, variables: Mapping[str, str | tuple[str, ...]]) -> str:
    def value_of(match: re.Match[str]) -> str:
        braced, form, bare = match.groups()
        value = variables.get(braced or bare)
        if value is None or form not in (None, "singlequote"):
            raise ValueError(f"Grafana would not know {match[0]!r} in: {text}")
        if form == "singlequote":
            chosen = (value,) if isinstance(value, str) else value
            return ",".join("'" + one.replace("'", "\\'") + "'" for one in chosen)
        if not isinstance(value, str):
            raise ValueError(f"{match[0]!r} has several values and needs a format in: {text}")
        return value

    return _VARIABLE.sub(value_of, text)


def _drop_conditions_on_all(text: str, values: Values) -> str:
    """``$__conditionalAll(condition, $variable)`` is 1=1 where the variable stands at "All"."""
    while (at := text.find(_CONDITIONAL_ALL)) >= 0:
        condition, variable, end = _two_arguments(text, at + len(_CONDITIONAL_ALL))
        if variable != "$room":
            raise ValueError(f"only $room can stand at All, not {variable!r}, in: {text}")
        text = text[:at] + (condition if values.rooms else "1=1") + text[end:]
    return text


def _two_arguments(text: str, start: int) -> tuple[str, str, int]:
    """The arguments that begin at ``start``, split as the plugin splits them, and where they end.

    The plugin counts brackets and knows no quotes.
    """
    depth, commas = 1, []
    for i in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if text[i] == "," and depth == 1:
            commas.append(i)
        if depth == 0 and len(commas) == 1:
            return text[start : commas[0]], text[commas[0] + 1 : i].strip(), i + 1
    raise ValueError(f"$__conditionalAll takes a condition and a variable, in: {text}")
