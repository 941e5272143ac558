"""The report as one tidy CSV, for spreadsheets.

Every line is one value: ``section, key, currency, metric, unit, value``. ``key`` is what the
section is about (a minute, a product, a promo); money is in major units with its currency beside
it, so ``SUM`` over one currency is what the report shows.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Final, get_args

from msgspec import Struct
from msgspec.structs import fields

from reports import display
from reports.contract import Measure, Value
from reports.model import CurrencySales, Report

COLUMNS: Final = ("section", "key", "currency", "metric", "unit", "value")

#: What makes a spreadsheet take a cell for a formula, full-width forms included.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

#: Excel reads UTF-8 only behind this mark; other readers call it ``utf-8-sig``.
_BYTE_ORDER_MARK: Final = "\ufeff"

Line = tuple[str, str, str, str, str, str]


def render_csv(report: Report) -> str:
    """The whole report, in all its currencies."""
    out = io.StringIO()
    out.write(_BYTE_ORDER_MARK)
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(_lines(report))
    return out.getvalue()


def safe_text(text: str) -> str:
    """Text that no spreadsheet will run: a leading apostrophe in front of what looks like code."""
    return f"'{text}" if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA) else text


def _lines(report: Report) -> Iterator[Line]:
    prices_in = report.header.room_currency
    yield from _record("header", report.header.room_id, "", report.header)
    yield from _measures("room", report.header.room_id, "", report.measures)
    for sales in report.currencies:
        yield from _measures("sales", sales.currency, sales.currency, sales.measures)
    for minute in report.minutes:
        yield from _record("minute", display.iso(minute.minute_ms), "", minute, ("minute_ms",))
    for sales in report.currencies:
        yield from _money(sales)
    for number, marker in enumerate(report.markers, start=1):
        yield from _record("marker", str(number), "", marker, ("price_minor",))
        yield _line("marker", str(number), prices_in, "price_minor", marker.price_minor)
        for sold in marker.sales:
            yield from _record("marker", str(number), sold.currency, sold, ("currency",))
    for funnel in report.funnels:
        for step in funnel.steps:
            yield from _record("funnel", f"{funnel.key}.{step.key}", "", step, ("key", "name"))
    for product in report.products:
        key = product.product_id
        yield from _record("product", key, "", product, ("product_id", "price_minor"))
        yield _line("product", key, prices_in, "price_minor", product.price_minor)
    for source in report.sources:
        yield from _record("source", source.source, "", source, ("source",))
    for mode in report.modes:
        yield from _record("mode", mode.mode, "", mode, ("mode",))
    yield from _record("reconciliation", report.header.room_id, "", report.reconciliation)
    for difference in report.reconciliation.differences:
        key = display.iso(difference.minute_ms)
        yield from _record(
            "difference", key, difference.currency, difference, ("minute_ms", "currency")
        )
    yield from _record("quality", report.header.room_id, "", report.quality)
    for partition in report.quality.partitions:
        key = f"{partition.kafka_topic}/{partition.kafka_partition}"
        yield from _record("partition", key, "", partition, ("kafka_topic", "kafka_partition"))
    for letters in report.quality.dead_letters:
        yield from _record("dead_letters", letters.reason, "", letters, ("reason",))


def _money(sales: CurrencySales) -> Iterator[Line]:
    code = sales.currency
    yield _line("sales", code, code, "unmatched_refund_minor", sales.unmatched_refund_minor)
    for minute in sales.minutes:
        key = display.iso(minute.minute_ms)
        yield from _record("sales_minute", key, code, minute, ("minute_ms",))
    for period in sales.periods:
        yield from _record("period", period.period, code, period, ("period",))
    for product in sales.products:
        yield from _record("product_sales", product.product_id, code, product, ("product_id",))
    for group in sales.promos:
        yield from _record("promo", group.key, code, group, ("key",))
    for group in sales.attributions:
        yield from _record("attribution", group.key, code, group, ("key",))
    for kol in sales.kols:
        yield from _record("kol", kol.kol_id, code, kol, ("kol_id",))
    for kol in sales.show_kols:
        yield from _record("show_kol", kol.kol_id, code, kol, ("kol_id",))


def _measures(section: str, key: str, currency: str, measures: Sequence[Measure]) -> Iterator[Line]:
    for measure in measures:
        unit = currency if measure.unit == "money" else measure.unit
        value = display.decimal(measure.value, measure.unit, currency)
        yield (section, safe_text(key), currency, measure.key, unit, value)


def _record(
    section: str, key: str, currency: str, record: Struct, skip: Sequence[str] = ()
) -> Iterator[Line]:
    """One line per plain field; nested lists have sections of their own."""
    for field in fields(record):
        value = getattr(record, field.name)
        if field.name not in skip and not isinstance(value, list):
            is_ratio = float in get_args(field.type)
            yield _line(section, key, currency, field.name, value, "ratio" if is_ratio else "count")


def _line(
    section: str, key: str, currency: str, name: str, value: Value | str, unit: str = "count"
) -> Line:
    """The unit follows from the field's name, if it tells one; a time is written as ISO 8601."""
    metric, text = name, ""
    if isinstance(value, str):
        unit, text = "text", safe_text(value)
    elif name.endswith("_minor"):
        metric, unit = name.removesuffix("_minor"), currency
        text = display.decimal(value, "money", currency)
    elif name.endswith(("_at_ms", "as_of_ms", "_from_ms", "start_ms", "end_ms", "watermark_ms")):
        metric, unit = name.removesuffix("_ms"), "time"
        text = display.iso(int(value)) if value is not None else ""
    else:
        unit = "ms" if name.endswith("_ms") else unit
        text = display.decimal(value, unit, currency)
    return (section, safe_text(key), currency, metric, unit, text)
