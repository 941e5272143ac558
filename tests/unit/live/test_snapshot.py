from __future__ import annotations

import orjson

from agents.live.snapshot import Money, Sales


def test_money_beyond_what_javascript_counts_stays_exact() -> None:
    money = Money.of(9_007_199_254_740_993, "IDR")
    assert orjson.loads(orjson.dumps(money))["minor"] == "9007199254740993"
    assert money.text == "90,071,992,547,409.93"


def test_aov_is_rounded_half_up_to_a_minor_unit() -> None:
    sales = Sales.of("JPY", gmv_minor=25, refund_minor=0, orders=2, units=2, refunds=0)
    assert sales.aov == Money("JPY", "13", "13")


def test_without_orders_there_is_no_aov() -> None:
    sales = Sales.of("EUR", gmv_minor=0, refund_minor=300, orders=0, units=0, refunds=1)
    assert sales.aov is None
    assert sales.net == Money("EUR", "-300", "-3.00")
