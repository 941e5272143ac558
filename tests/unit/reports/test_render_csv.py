from __future__ import annotations

import csv
import io

import pytest

from reports import build_report
from reports.render_csv import COLUMNS, render_csv, safe_text
from tests.fixtures.report_show import Show, write_hand_show
from tests.fixtures.report_store import MemoryStore


def lines(text: str) -> list[dict[str, str]]:
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


@pytest.fixture
def hand_lines() -> list[dict[str, str]]:
    store = MemoryStore()
    write_hand_show(store)
    return lines(render_csv(build_report(store, "paris-1")))


def find(
    rows: list[dict[str, str]], section: str, key: str, metric: str, currency: str = ""
) -> tuple[str, str]:
    wanted = {"section": section, "key": key, "metric": metric, "currency": currency}
    (row,) = [row for row in rows if wanted.items() <= row.items()]
    return row["value"], row["unit"]


def test_every_line_is_one_value_with_its_unit(hand_lines: list[dict[str, str]]) -> None:
    assert all(tuple(row) == COLUMNS for row in hand_lines)
    assert all(row["unit"] for row in hand_lines)
    keys = [(row["section"], row["key"], row["currency"], row["metric"]) for row in hand_lines]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("section", "key", "metric", "currency", "expected"),
    [
        ("sales", "EUR", "gmv", "EUR", ("192.34", "EUR")),
        ("sales", "EUR", "aov", "EUR", ("64.11", "EUR")),
        ("sales", "USD", "gmv", "USD", ("70.00", "USD")),
        ("sales", "EUR", "refund_rate", "EUR", ("0.41593", "percent")),
        ("room", "paris-1", "conversion", "", ("0.5", "percent")),
        ("room", "paris-1", "watch_per_view", "", ("302000", "duration")),
        ("header", "paris-1", "finality", "", ("provisional", "text")),
        ("header", "paris-1", "as_of", "", ("2026-11-16T19:00:00.000Z", "time")),
        ("header", "paris-1", "duration_ms", "", ("600000", "ms")),
        ("sales_minute", "2026-11-14T19:04:00.000Z", "refund", "EUR", ("20.00", "EUR")),
        ("minute", "2026-11-14T19:00:00.000Z", "online", "", ("4", "count")),
        ("promo", "coupon", "aov", "EUR", ("", "EUR")),
        ("promo", "coupon", "refund_rate", "EUR", ("", "ratio")),
        ("product", "bag", "price", "EUR", ("60.00", "EUR")),
        ("product", "bag", "product_ctr", "", ("0.25", "ratio")),
        ("marker", "2", "price", "EUR", ("35.00", "EUR")),
        ("marker", "1", "gmv", "USD", ("70.00", "USD")),
        ("funnel", "people.buyers", "value", "", ("2", "count")),
        ("reconciliation", "paris-1", "minutes", "", ("5", "count")),
        ("partition", "live.traffic/0", "watermark", "", ("2026-11-16T19:00:00.000Z", "time")),
        ("dead_letters", "not_json", "records", "", ("1", "count")),
    ],
)
def test_values_stand_under_their_section_key_and_currency(
    hand_lines: list[dict[str, str]],
    section: str,
    key: str,
    metric: str,
    currency: str,
    expected: tuple[str, str],
) -> None:
    assert find(hand_lines, section, key, metric, currency) == expected


def test_the_minutes_and_periods_of_a_currency_add_up_like_a_spreadsheet_would(
    hand_lines: list[dict[str, str]],
) -> None:
    periods = [
        float(row["value"])
        for row in hand_lines
        if (row["section"], row["metric"], row["currency"]) == ("period", "gmv", "EUR")
    ]
    assert sum(periods) == 192.34


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        "\uff1d1+1",
        "=cmd|' /C calc'!A0",
    ],
)
def test_text_that_looks_like_a_formula_is_quoted(text: str) -> None:
    assert safe_text(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Bag", "a=b", "1+1", "Maison Été", "'=1"])
def test_other_text_is_left_as_it_is(text: str) -> None:
    assert safe_text(text) == text


def test_no_cell_of_a_hostile_show_begins_with_a_formula() -> None:
    store, show = MemoryStore(), Show('=HYPERLINK("x")', "+kol", "EUR")
    show.begin("@brand", '-1,"\r\n=2')
    show.host(0, "product_listed", product_id="=p", title="=title", price_minor=1)
    show.host(1_000, "coupon_dropped", coupon_id="=c")
    show.enter(0, "u", "=source")
    show.order(0, "u", "o", [("=p", 1, 100)], attribution="=rule")
    show.refund(0, "r1", "o", [("=p", 1, 300)])
    show.write(store)
    found = lines(render_csv(build_report(store, '=HYPERLINK("x")')))
    for row in found:
        for column, cell in row.items():
            is_number = column == "value" and row["unit"] != "text"
            assert is_number or not cell.lstrip().startswith(("=", "+", "-", "@")), row
    # A negative amount is a number, and stays one.
    assert find(found, "sales", "EUR", "net_gmv", "EUR") == ("-2.00", "EUR")
    assert find(found, "header", '\'=HYPERLINK("x")', "title") == ("'-1,\"\r\n=2", "text")
