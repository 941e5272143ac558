from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from agents.stores.values import fill_in, row_count
from schemas.store import Params, StoreRejected


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        ("it's", r"'it\'s'"),
        ("a\\", r"'a\\'"),
        ("\0\n\r\t", r"'\0\n\r\t'"),
        ("%(other)s", "'%(other)s'"),
        (7, "7"),
        (-7, "(-7)"),
        (True, "1"),
        (2**64 - 1, "18446744073709551615"),
        (0.5, "0.5"),
        (["a", "b'"], r"('a', 'b\'')"),
        ((1,), "(1)"),
    ],
)
def test_a_parameter_becomes_a_literal(
    value: str | int | float | Sequence[str] | Sequence[int], literal: str
) -> None:
    assert fill_in("x = %(p)s AND y LIKE '50%'", {"p": value}) == f"x = {literal} AND y LIKE '50%'"


def test_without_parameters_the_query_stays_as_it_is() -> None:
    assert fill_in("SELECT '%(p)s', 5 % 2", None) == "SELECT '%(p)s', 5 % 2"


@pytest.mark.parametrize("params", [{}, {"p": None}, {"p": []}, {"p": "\ud800"}])
def test_what_has_no_literal_is_rejected(params: Params) -> None:
    with pytest.raises(StoreRejected, match="p"):
        fill_in("SELECT %(p)s", params)


@pytest.mark.parametrize(
    "columns", [{}, {"a": [1], "b": []}, {"a b": [1]}, {"a) VALUES (1); --": [1]}]
)
def test_columns_that_make_no_table_are_rejected(columns: dict[str, list[Any]]) -> None:
    with pytest.raises(StoreRejected):
        row_count("t", columns)


def test_rows_are_counted() -> None:
    assert row_count("t", {"a": [1, 2], "b": ("x", "y")}) == 2
