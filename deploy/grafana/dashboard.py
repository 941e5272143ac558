"""Write the dashboard: ``python -m deploy.grafana.dashboard``.

The JSON is committed, and a test compares it with what this module returns. Nothing in it depends
on the machine or the day.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import typer
from grafana_foundation_sdk.builders import dashboard as sdk
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models

from deploy.grafana import pipeline, sales
from deploy.grafana.panels import CLICKHOUSE, ClickHouseTarget
from schemas.money import MINOR_DIGITS

PATH: Final = Path(__file__).parent / "dashboards" / "liveshop-live.json"


def build() -> dict[str, Any]:
    """The dashboard as Grafana reads it."""
    board = (
        sdk.Dashboard("Liveshop live")
        .uid("liveshop-live")
        .description("A live show: what it sells, who watches, and whether the figures are right.")
        .tags(["liveshop"])
        .timezone("browser")
        .refresh("5s")
        .time("now-1h", "now")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(_variable("currency", "Currency", sales.sql("variable_currency")))
        .with_variable(
            _variable("room", "Room", sales.sql("variable_room"))
            .multi(True)
            .include_all(True)
            .current(models.VariableOption(text="All", value="$__all"))
        )
        .with_variable(
            _variable("minor_per_major", "", _minor_per_major()).hide(
                models.VariableHide.HIDE_VARIABLE
            )
        )
    )
    for title, panels in (
        ("Now", sales.headline()),
        ("Rooms", sales.rooms()),
        ("Show", sales.show()),
        ("KOLs, promotions, products", sales.rankings()),
        ("Can it be believed?", sales.trust()),
        ("Pipeline: records", pipeline.records()),
        ("Pipeline: store", pipeline.storing()),
        ("Pipeline: workers", pipeline.state()),
    ):
        board = board.with_row(sdk.Row(title))
        for panel in panels:
            board = board.with_panel(panel)
    return _finished(json.loads(json.dumps(board.build(), cls=JSONEncoder)))


def _variable(name: str, label: str, sql: str) -> Any:
    return (
        sdk.QueryVariable(name)
        .label(label)
        .datasource(common_models.DataSourceRef(CLICKHOUSE["type"], CLICKHOUSE["uid"]))
        .query(sql)
        # New rooms and currencies appear while the show runs.
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
    )


def _minor_per_major() -> str:
    """SQL for how many minor units make one unit of $currency: 100 EUR cents, 1 JPY."""
    unusual = {code: 10**digits for code, digits in MINOR_DIGITS.items() if digits != 2}
    codes = ", ".join(f"'{code}'" for code in unusual)
    units = ", ".join(str(unit) for unit in unusual.values())
    return f"SELECT transform(${{currency:singlequote}}, [{codes}], [{units}], 100)"


def _finished(document: dict[str, Any]) -> dict[str, Any]:
    """Mend what the SDK leaves out or adds.

    Panels get ids (it writes none, rows get 0), keys that belong to other kinds of variables
    (``auto*``) and to repeated panels go, and the markers become annotations: the SDK's type for
    an annotation's query knows only Grafana's own data source.
    """
    for number, panel in enumerate(document["panels"], start=1):
        panel["id"] = number
        panel.pop("repeatDirection", None)
    for variable in document["templating"]["list"]:
        for key in [key for key in variable if key.startswith("auto")]:
            del variable[key]
    document["annotations"] = {
        "list": [
            {
                "datasource": CLICKHOUSE,
                "enable": True,
                "hide": False,
                "iconColor": "purple",
                "name": "Markers",
                "target": ClickHouseTarget(sales.sql("markers"), time_series=False).to_json(),
            }
        ]
    }
    return document


def text(document: dict[str, Any]) -> str:
    """The file's content: sorted keys, so that a change shows as a small difference."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the file."""
    PATH.write_text(text(build()), encoding="utf-8")
    typer.echo(f"wrote {PATH}")


if __name__ == "__main__":
    main()
