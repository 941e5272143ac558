from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import contract
from reports.contract import CONTRACT, Measure, Metric, measure, measures, per, rate, round_half_up

BY_KEY = {metric.key: metric for metric in CONTRACT}


def value_of(key: str, **figures: int) -> float | None:
    return measure(BY_KEY[key], figures).value


@pytest.mark.parametrize(
    ("key", "figures", "expected"),
    [
        ("gmv", {"gmv_minor": 19_234}, 19_234),
        ("net_gmv", {"net_gmv_minor": -5}, -5),
        ("aov", {"gmv_minor": 1_000, "orders": 3}, 333),
        ("aov", {"gmv_minor": 1_001, "orders": 2}, 501),
        ("gpm", {"gmv_minor": 7, "views": 3}, 2_333),
        ("show_gpm", {"gmv_minor": 7, "impressions": 6}, 1_167),
        ("live_ctr", {"clicks": 1, "views": 8}, 0.125),
        ("product_ctr", {"clicks": 1, "impressions": 3}, 0.333333),
        ("ctor_sku", {"room_sku_orders": 2, "clicks": 3}, 0.666667),
        ("ctor_main", {"room_orders": 1, "clicks": 3}, 0.333333),
        ("order_rate", {"room_sku_orders": 1, "views": 400}, 0.0025),
        ("conversion", {"buyers": 3, "viewers": 200}, 0.015),
        ("visitor_conversion", {"buyers": 3, "clickers": 20}, 0.15),
        ("refund_rate", {"refund_minor": 1, "gmv_minor": 7}, 0.142857),
        ("refunded_order_rate", {"refunded_orders": 5, "orders": 9}, 0.555556),
        ("cancel_rate", {"cancelled": 1, "placed": 4}, 0.25),
        ("acu", {"online_seconds": 1_000, "air_seconds": 3}, 333.333333),
        ("watch_per_view", {"watch_ms": 100_001, "views": 2}, 50_001),
        ("watch_per_viewer", {"watch_ms": 100_000, "viewers": 3}, 33_333),
        ("comment_rate", {"chats": 4, "views": 1_000}, 0.004),
        ("like_rate", {"likes": 31, "views": 4}, 7.75),
    ],
)
def test_a_metric_is_what_its_formula_says(
    key: str, figures: dict[str, int], expected: float
) -> None:
    assert value_of(key, **figures) == expected


@pytest.mark.parametrize("metric", [m for m in CONTRACT if m.denominator], ids=lambda m: m.key)
@pytest.mark.parametrize("numerator", [0, 7])
def test_a_zero_denominator_gives_none_and_never_zero(metric: Metric, numerator: int) -> None:
    found = measure(metric, {metric.numerator: numerator, metric.denominator: 0})
    assert found.value is None
    assert found.exact is None


def test_helpers_without_a_denominator_give_none() -> None:
    assert rate(5, 0) is None
    assert per(5, 0) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [(Fraction(1, 2), 1), (Fraction(-1, 2), -1), (Fraction(5, 2), 3), (Fraction(49, 100), 0)],
)
def test_a_half_is_rounded_away_from_zero(value: Fraction, expected: int) -> None:
    assert round_half_up(value) == expected


@given(st.integers(0, 10**18), st.integers(1, 10**18))
def test_a_rounded_amount_is_never_further_away_than_a_half(amount: int, divisor: int) -> None:
    rounded = per(amount, divisor)
    assert rounded is not None
    assert abs(Fraction(amount, divisor) - rounded) <= Fraction(1, 2)


def test_money_beyond_the_precision_of_a_float_stays_exact() -> None:
    assert per(9_007_199_254_740_993, 1) == 9_007_199_254_740_993
    assert value_of("gmv", gmv_minor=9_007_199_254_740_993) == 9_007_199_254_740_993


def test_keys_and_names_are_unique() -> None:
    assert len({metric.key for metric in CONTRACT}) == len(CONTRACT)
    assert len({metric.name for metric in CONTRACT}) == len(CONTRACT)


def test_every_ratio_names_its_denominator_in_its_formula() -> None:
    for metric in CONTRACT:
        assert bool(metric.denominator) == ("÷" in metric.formula), metric.key


def test_measures_keep_the_order_of_the_contract() -> None:
    figures = dict.fromkeys({m.numerator for m in CONTRACT} | {m.denominator for m in CONTRACT}, 1)
    found: list[Measure] = [*measures("money", figures), *measures("room", figures)]
    assert [m.key for m in found] == [m.key for m in CONTRACT]


def test_the_page_on_metrics_says_what_the_contract_says() -> None:
    page = Path(contract.__file__).with_name("METRICS.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    assert lines == [
        f"| `{m.key}` | {m.name} | {m.formula} | {m.unit} | {m.definition} |" for m in CONTRACT
    ]
    assert f"({contract.REFUND_WINDOW_DAYS} days)" in page
