"""The report as one HTML file that makes no request at all.

Styles, scripts and data stand inside the file. The content security policy forbids everything
else, and lets only these very scripts run: each is named by its hash, so that even markup that
slipped through the escaping could not execute.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from msgspec import Struct

from reports import display
from reports.chart_data import chart_json
from reports.contract import CONTRACT
from reports.model import Marker, MarkerKind, Product, ProductSales, Report, SalesMinute

_HERE: Final = Path(__file__).parent
_SCRIPTS: Final = ("echarts.common.min.js", "report.js")


class ProductLine(Struct, frozen=True):
    """A product with its sales in the headline currency; ``None`` if it sold nothing in it."""

    product: Product
    sales: ProductSales | None


class Peak(Struct, frozen=True):
    """The best minute, and what the host did in it."""

    minute: SalesMinute
    presented: list[str]
    on_offer: list[str]


def render_html(report: Report) -> str:
    """The whole page. Text of users is escaped wherever it stands."""
    scripts = [_asset(name) for name in _SCRIPTS]
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            header=report.header,
            currency=report.header.currency,
            sales=report.headline,
            contract={metric.key: metric for metric in CONTRACT},
            product_lines=_product_lines(report),
            peak=_peak(report),
            spans=[m for m in report.markers if m.kind in ("explanation", "flash_sale")],
            chart_json=chart_json(report),
            styles=_asset("report.css"),
            scripts=scripts,
            script_hashes=[_hash(script) for script in scripts],
        )
    )


def _product_lines(report: Report) -> list[ProductLine]:
    sold = {sales.product_id: sales for sales in report.headline.products}
    lines = [ProductLine(product, sold.get(product.product_id)) for product in report.products]
    return sorted(lines, key=lambda line: -(line.sales.gmv_minor if line.sales else 0))


def _peak(report: Report) -> Peak | None:
    best = max(report.headline.minutes, key=lambda minute: minute.gmv_minor, default=None)
    if best is None or not best.gmv_minor:
        return None

    def labels(kind: MarkerKind) -> list[str]:
        found = (m.label for m in report.markers if m.kind == kind and _overlaps(m, best))
        return list(dict.fromkeys(found))

    on_offer = labels("flash_sale")
    return Peak(best, [label for label in labels("explanation") if label not in on_offer], on_offer)


def _overlaps(marker: Marker, minute: SalesMinute) -> bool:
    starts_before = marker.start_ms < minute.minute_ms + 60_000
    return starts_before and (marker.end_ms is None or marker.end_ms > minute.minute_ms)


@cache
def _environment() -> Environment:
    # Autoescape is on for every template: none of ours is anything but HTML.
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "clock": display.clock,
        "count": display.count,
        "counted": display.counted,
        "day": display.day,
        "duration": display.duration,
        "minute": display.minute,
        "moment": display.moment,
        "money": display.money,
    }
    environment.globals |= {
        "between": display.between,
        "measured": display.measure,
        "percent": display.percent,
    }
    return environment


@cache
def _asset(name: str) -> str:
    return (_HERE / "assets" / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
