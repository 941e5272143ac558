"""Panels in the words of this dashboard: one function per kind, on the Grafana Foundation SDK.

Every panel names its unit, its size on the 24-column grid, and the data source of each target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import (
    barchart,
    common,
    dashboard,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as dashboard_models

#: The data sources of ``provisioning/datasources``; their uids are fixed there.
PROMETHEUS: Final = {"type": "prometheus", "uid": "liveshop-prometheus"}
CLICKHOUSE: Final = {"type": "grafana-clickhouse-datasource", "uid": "liveshop-clickhouse"}

#: The plugin that ``compose.yaml`` installs; Grafana migrates targets of older ones when it loads.
CLICKHOUSE_PLUGIN_VERSION: Final = "4.20.0"

#: Properties that differ for one series or column: its name → property id → value.
Overrides = Mapping[str, Mapping[str, object]]

_NO_OVERRIDES: Final[Overrides] = {}


@dataclass(frozen=True)
class ClickHouseTarget:
    """One SQL query of a panel, in the shape of the SDK's builders, which have none for it.

    Attributes:
        sql: the query, with Grafana's variables and the plugin's macros.
        time_series: whether the first column is a time; otherwise the result is a table.
        ref_id: its letter within the panel.
    """

    sql: str
    time_series: bool = True
    ref_id: str = "A"

    def build(self) -> ClickHouseTarget:
        """What the SDK calls on a target."""
        return self

    def to_json(self) -> dict[str, object]:
        """What the SDK's encoder calls."""
        return {
            "datasource": CLICKHOUSE,
            "editorType": "sql",
            "format": 0 if self.time_series else 1,
            "pluginVersion": CLICKHOUSE_PLUGIN_VERSION,
            "queryType": "timeseries" if self.time_series else "table",
            "rawSql": self.sql,
            "refId": self.ref_id,
        }


def promql(*queries: tuple[str, str]) -> tuple[Any, ...]:
    """Range queries from ``(expression, legend)`` pairs."""
    return tuple(
        prometheus.Dataquery()
        .datasource(common_models.DataSourceRef(PROMETHEUS["type"], PROMETHEUS["uid"]))
        .expr(expression)
        .legend_format(legend)
        .range()
        .ref_id(chr(ord("A") + i))
        for i, (expression, legend) in enumerate(queries)
    )


def single_figure(
    title: str,
    description: str,
    targets: Sequence[Any],
    *,
    unit: str,
    decimals: int = 0,
    must_be_zero: bool = False,
    overrides: Overrides = _NO_OVERRIDES,
) -> Any:
    """A big number; green at 0 and red above where it ``must_be_zero``."""
    steps = [dashboard_models.Threshold(value=None, color="green" if must_be_zero else "text")]
    if must_be_zero:
        # Half a record does not exist: anything that is not 0 is red.
        steps.append(dashboard_models.Threshold(value=0.5, color="red"))
    panel = (
        stat.Panel()
        .color_mode(common_models.BigValueColorMode.VALUE)
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .thresholds(
            dashboard.ThresholdsConfig().mode(dashboard_models.ThresholdsMode.ABSOLUTE).steps(steps)
        )
        .decimals(decimals)
        .span(3)
        .height(4)
    )
    return _finish(panel, title, description, targets, unit, overrides)


def over_time(
    title: str,
    description: str,
    targets: Sequence[Any],
    *,
    unit: str,
    width: int = 8,
    height: int = 8,
    bars: bool = False,
    stacked: bool = False,
    stepped: bool = False,
    overrides: Overrides = _NO_OVERRIDES,
) -> Any:
    """Lines, steps or bars over time, with the newest and highest value in the legend."""
    style = common_models.GraphDrawStyle
    shape = common_models.LineInterpolation
    panel = (
        timeseries.Panel()
        .draw_style(style.BARS if bars else style.LINE)
        .line_interpolation(shape.STEP_AFTER if stepped else shape.LINEAR)
        .fill_opacity(60 if bars else 10)
        .line_width(1)
        .show_points(common_models.VisibilityMode.AUTO)
        .axis_soft_min(0)
        .legend(
            common.VizLegendOptions()
            .calcs(["lastNotNull", "max"])
            .display_mode(common_models.LegendDisplayMode.LIST)
            .placement(common_models.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(
            common.VizTooltipOptions()
            .mode(common_models.TooltipDisplayMode.MULTI)
            .sort(common_models.SortOrder.DESCENDING)
        )
        .span(width)
        .height(height)
    )
    if stacked:
        panel = panel.stacking(
            common.StackingConfig().mode(common_models.StackingMode.NORMAL).group("A")
        )
    return _finish(panel, title, description, targets, unit, overrides)


def grid(
    title: str,
    description: str,
    targets: Sequence[Any],
    *,
    width: int,
    height: int = 9,
    overrides: Overrides = _NO_OVERRIDES,
) -> Any:
    """A table; plain numbers unless an override says otherwise."""
    panel = table.Panel().span(width).height(height)
    return _finish(panel, title, description, targets, "none", overrides)


def bars_by(
    title: str,
    description: str,
    targets: Sequence[Any],
    *,
    category: str,
    unit: str,
    width: int,
    height: int = 9,
    overrides: Overrides = _NO_OVERRIDES,
) -> Any:
    """One horizontal bar per value of the column ``category``."""
    panel = (
        barchart.Panel()
        .orientation(common_models.VizOrientation.HORIZONTAL)
        .show_value(common_models.VisibilityMode.ALWAYS)
        .legend(
            common.VizLegendOptions()
            .display_mode(common_models.LegendDisplayMode.LIST)
            .placement(common_models.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .x_field(category)
        .span(width)
        .height(height)
    )
    return _finish(panel, title, description, targets, unit, overrides)


def _finish(
    panel: Any,
    title: str,
    description: str,
    targets: Sequence[Any],
    unit: str,
    overrides: Overrides,
) -> Any:
    source = CLICKHOUSE if isinstance(targets[0], ClickHouseTarget) else PROMETHEUS
    panel = (
        panel.title(title)
        .description(description)
        .datasource(common_models.DataSourceRef(source["type"], source["uid"]))
        .unit(unit)
    )
    for target in targets:
        panel = panel.with_target(target)
    for name, properties in overrides.items():
        values = [
            dashboard_models.DynamicConfigValue(id_val=key, value=value)
            for key, value in properties.items()
        ]
        panel = panel.override_by_name(name, values)
    return panel
