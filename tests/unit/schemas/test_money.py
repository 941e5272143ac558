"""Amounts are written for people from integers only."""

from __future__ import annotations

import pytest

from schemas.money import MINOR_DIGITS, format_minor


@pytest.mark.parametrize(
    ("amount_minor", "currency", "written"),
    [
        (129_900, "EUR", "1,299.00"),
        (-129_900, "EUR", "-1,299.00"),
        (5, "USD", "0.05"),
        (-5, "USD", "-0.05"),
        (0, "CNY", "0.00"),
        (99, "EUR", "0.99"),
        (100, "EUR", "1.00"),
        (18_200, "JPY", "18,200"),
        (-1, "KRW", "-1"),
        (1_234_567, "KWD", "1,234.567"),
        (7, "BHD", "0.007"),
        # A float would have lost the last digits of this one.
        (9_007_199_254_740_993, "EUR", "90,071,992,547,409.93"),
    ],
)
def test_amount_is_written_with_the_digits_of_its_currency(
    amount_minor: int, currency: str, written: str
) -> None:
    assert format_minor(amount_minor, currency) == written


def test_amount_in_a_made_up_currency_is_refused() -> None:
    with pytest.raises(KeyError):
        format_minor(1, "XYZ")


def test_currencies_are_three_letters_and_listed_once() -> None:
    assert all(len(code) == 3 and code.isupper() for code in MINOR_DIGITS)
    assert {MINOR_DIGITS[code] for code in ("EUR", "USD", "CNY", "GBP")} == {2}
    assert set(MINOR_DIGITS.values()) == {0, 2, 3}
