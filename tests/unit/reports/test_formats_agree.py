"""Whatever happened in a room, all formats say the same, and every part adds up to the total."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reports import report
from schemas.events import PROMOS
from schemas.money import MINOR_DIGITS
from tests.fixtures.report_show import MINUTE_MS, Show
from tests.fixtures.report_store import MemoryStore
from tests.unit.reports.page import Page

SECONDS = st.integers(-300, 3_600)
AMOUNTS = st.integers(0, 10**13)

orders = st.lists(
    st.tuples(
        SECONDS,
        st.sampled_from(["EUR", "JPY", "KWD"]),
        st.sampled_from(PROMOS),
        st.sampled_from(["in_room", "click_7d"]),
        st.sampled_from(["host", "guest"]),
        st.lists(
            st.tuples(st.sampled_from("ab"), st.integers(1, 9), AMOUNTS), min_size=1, max_size=3
        ),
        st.none() | st.tuples(st.integers(0, 100_000), st.integers(1, 10**13)),
    ),
    max_size=8,
)


def room(started: bool, ended: bool, sold: Any) -> tuple[MemoryStore, dict[str, dict[str, int]]]:
    """A room in a store, and its totals by currency, added up while it is told."""
    store, show = MemoryStore(), Show("r", "host", "EUR")
    totals: dict[str, dict[str, int]] = {}
    if started:
        show.begin("Brand", "Title")
    if ended:
        show.host(20 * MINUTE_MS, "room_ended")
    show.enter(0, "u0")
    for number, (second, currency, promo, rule, kol, lines, refund) in enumerate(sold):
        who = {"currency": currency, "kol_id": kol}
        order_id = f"o{number}"
        show.order(
            second * 1000, f"u{number % 3}", order_id, lines, promo=promo, attribution=rule, **who
        )
        total = totals.setdefault(currency, {"gmv": 0, "orders": 0, "units": 0, "refund": 0})
        total["gmv"] += sum(paid for _, _, paid in lines)
        total["units"] += sum(quantity for _, quantity, _ in lines)
        total["orders"] += 1
        if refund is not None:
            later, amount = refund
            show.refund((second + later) * 1000, f"r{number}", order_id, [("a", 0, amount)])
            total["refund"] += amount
    show.write(store)
    return store, totals


def minor(value: str, currency: str) -> int:
    """A decimal of major units in minor units, without a float in between."""
    whole, _, part = value.partition(".")
    assert len(part) == MINOR_DIGITS[currency]
    return int(whole + part)


@settings(max_examples=40)
@given(st.booleans(), st.booleans(), orders)
def test_json_csv_and_html_agree_on_the_totals(started: bool, ended: bool, sold: Any) -> None:
    store, totals = room(started, ended, sold)
    as_json = json.loads(report(store, "r", "json"))
    html = report(store, "r", "html")
    text = report(store, "r", "csv")
    assert isinstance(html, str)
    assert isinstance(text, str)
    table = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    page = Page(html)
    headline = as_json["header"]["currency"]
    for sales in as_json["currencies"]:
        currency = sales["currency"]
        found = {m["key"]: m["value"] for m in sales["measures"]}
        expected = totals.get(currency, {"gmv": 0, "orders": 0, "units": 0, "refund": 0})
        assert expected.items() <= found.items()
        assert found["net_gmv"] == expected["gmv"] - expected["refund"]
        cells = {
            row["metric"]: row["value"]
            for row in table
            if (row["section"], row["key"]) == ("sales", currency)
        }
        if currency:
            for key in ("gmv", "net_gmv", "refund"):
                assert minor(cells[key], currency) == found[key]
        assert int(cells["orders"]) == found["orders"]
        if currency == headline:
            assert int(page.figures["gmv"]) == found["gmv"]
            assert int(page.figures["net_gmv"]) == found["net_gmv"]
            assert int(page.figures["orders"]) == found["orders"]
            assert page.figures["aov"] == str("" if found["aov"] is None else found["aov"])
    assert {s["currency"] for s in as_json["currencies"]} >= totals.keys()


@settings(max_examples=40)
@given(st.booleans(), st.booleans(), orders)
def test_every_breakdown_adds_up_to_the_total(started: bool, ended: bool, sold: Any) -> None:
    store, _ = room(started, ended, sold)
    as_json = json.loads(report(store, "r", "json"))
    for sales in as_json["currencies"]:
        found = {m["key"]: m["value"] for m in sales["measures"]}
        expected = (found["orders"], found["gmv"], found["refund"])
        for part in ("periods", "promos", "attributions", "kols"):
            rows = sales[part]
            assert expected == (
                sum(row["orders"] for row in rows),
                sum(row["gmv_minor"] for row in rows),
                sum(row["refund_minor"] for row in rows),
            ), part
        during = next(p for p in sales["periods"] if p["period"] == "during")
        for name in ("orders", "gmv_minor", "refund_minor", "cohort_refund_minor"):
            assert during[name] == sum(minute[name] for minute in sales["minutes"])
        assert found["gmv"] == sum(product["gmv_minor"] for product in sales["products"])
        cohort = sum(period["cohort_refund_minor"] for period in sales["periods"])
        assert cohort + sales["unmatched_refund_minor"] == found["refund"]
    assert as_json["reconciliation"]["differences"] == []
