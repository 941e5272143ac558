# ruff: noqa: RUF001 - dashes as they are typeset

from __future__ import annotations

import pytest

from reports import display
from reports.contract import CONTRACT, measure
from tests.fixtures.report_show import DAY_MS, START_MS

BY_KEY = {metric.key: metric for metric in CONTRACT}


@pytest.mark.parametrize(
    ("minor", "currency", "expected"),
    [
        (129_900, "EUR", "1,299.00"),
        (-129_905, "EUR", "−1,299.05"),
        (9_800, "JPY", "9,800"),
        (1_234_567, "KWD", "1,234.567"),
        (1_234, "XYZ", "1,234 minor units"),
        (None, "EUR", "–"),
    ],
)
def test_money_is_written_with_the_digits_of_its_currency(
    minor: int | None, currency: str, expected: str
) -> None:
    assert display.money(minor, currency) == expected


def test_one_of_a_thing_is_not_many() -> None:
    assert [display.counted(n, "order") for n in (0, 1, 1_234)] == [
        "0 orders",
        "1 order",
        "1,234 orders",
    ]


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [(1, 8, "12.50%"), (1, 3, "33.33%"), (5, 3, "166.67%"), (0, 5, "0.00%"), (5, 0, "–")],
)
def test_a_share_has_two_decimals_or_is_a_dash(
    numerator: int, denominator: int, expected: str
) -> None:
    assert display.percent(numerator, denominator) == expected


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [
        (0, "0 s"),
        (8_400, "8 s"),
        (95_000, "1 min 35 s"),
        (180_000, "3 min"),
        (3_723_000, "1 h 02 min"),
        (None, "–"),
    ],
)
def test_a_duration_is_written_in_its_two_largest_units(
    milliseconds: int | None, expected: str
) -> None:
    assert display.duration(milliseconds) == expected


def test_times_are_utc_and_the_same_in_every_locale() -> None:
    assert display.moment(START_MS) == "Sat 14 Nov 2026, 19:00:00 UTC"
    assert display.day(START_MS) == "14 Nov 2026"
    assert display.iso(START_MS + 5) == "2026-11-14T19:00:00.005Z"
    assert display.between(START_MS, START_MS + 600_000) == "Sat 14 Nov 2026, 19:00 – 19:10 UTC"
    assert (
        display.between(START_MS, START_MS + DAY_MS)
        == "Sat 14 Nov 2026, 19:00 – Sun 15 Nov 2026, 19:00 UTC"
    )
    assert display.between(START_MS, None) == "Sat 14 Nov 2026, 19:00 UTC"


@pytest.mark.parametrize(
    ("key", "figures", "expected"),
    [
        ("aov", {"gmv_minor": 19_234, "orders": 3}, "64.11"),
        ("aov", {"gmv_minor": 19_234, "orders": 0}, "–"),
        ("conversion", {"buyers": 1, "viewers": 3}, "33.33%"),
        ("acu", {"online_seconds": 1_390, "air_seconds": 600}, "2.32"),
        ("watch_per_view", {"watch_ms": 1_510_000, "views": 5}, "5 min 02 s"),
        ("likes", {"likes": 12_345}, "12,345"),
    ],
)
def test_a_metric_is_written_in_its_unit(key: str, figures: dict[str, int], expected: str) -> None:
    assert display.measure(measure(BY_KEY[key], figures), "EUR") == expected


@pytest.mark.parametrize(
    ("value", "unit", "currency", "expected"),
    [
        (19_234, "money", "EUR", "192.34"),
        (-5, "money", "EUR", "-0.05"),
        (9_800, "money", "JPY", "9800"),
        (0.333333, "percent", "EUR", "0.333333"),
        (12, "count", "EUR", "12"),
        (None, "money", "EUR", ""),
    ],
)
def test_a_spreadsheet_gets_plain_decimals(
    value: float | None, unit: str, currency: str, expected: str
) -> None:
    assert display.decimal(value, unit, currency) == expected
