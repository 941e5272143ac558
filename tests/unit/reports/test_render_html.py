# ruff: noqa: RUF001 - dashes as they are typeset

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

import reports
from reports import build_report
from reports.render_html import render_html
from tests.fixtures.report_show import MINUTE_MS, START_MS, Show, checkpoints, write_hand_show
from tests.fixtures.report_store import MemoryStore
from tests.unit.reports.page import Page

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&<!--\u2028"
ASSETS = Path(reports.__file__).with_name("assets")


def hostile_html() -> str:
    store, show = MemoryStore(), Show(HOSTILE, HOSTILE, "EUR")
    show.begin(HOSTILE, HOSTILE)
    show.host(0, "product_listed", product_id=HOSTILE, title=HOSTILE, price_minor=1)
    show.host(1_000, "explanation_started", product_id=HOSTILE)
    show.host(2_000, "flash_sale_started", product_id=HOSTILE, price_minor=1)
    show.host(3_000, "product_pinned", product_id=HOSTILE)
    show.host(4_000, "coupon_dropped", coupon_id=HOSTILE)
    show.enter(0, HOSTILE, HOSTILE)
    show.order(60_000, HOSTILE, HOSTILE, [(HOSTILE, 1, 100)], promo="flash", attribution=HOSTILE)
    show.order(60_000, HOSTILE, "o2", [(HOSTILE, 1, 100)], promo=HOSTILE)
    show.host(5 * MINUTE_MS, "room_ended")
    show.write(store)
    checkpoints(store, {("live.purchases", 0): START_MS})
    store.insert(
        "dead_letter", {"kafka_topic": ["live.purchases"], "reason": [HOSTILE], "kafka_offset": [1]}
    )
    return render_html(build_report(store, HOSTILE))


def hand_html() -> str:
    store = MemoryStore()
    write_hand_show(store)
    return render_html(build_report(store, "paris-1"))


def test_text_of_users_stays_text_wherever_it_stands() -> None:
    page = Page(hostile_html())
    assert len(page.scripts) == 3
    assert not [tag for tag, _ in page.tags if tag == "img"]
    assert page.shown.count(HOSTILE) >= 6
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


def test_text_of_users_survives_inside_the_data_of_the_charts() -> None:
    data = json.loads(Page(hostile_html()).scripts[0])
    assert {marker["label"] for marker in data["markers"]} == {HOSTILE}
    assert not set("<>&\u2028") & set(Page(hostile_html()).scripts[0])


def test_the_page_refers_to_nothing_outside_of_itself() -> None:
    for html in (hand_html(), hostile_html()):
        page = Page(html)
        targets = [
            attributes[name]
            for _, attributes in page.tags
            for name in ("src", "href", "srcset", "action", "data", "poster", "formaction")
            if name in attributes
        ]
        assert sorted(targets) == ["#trust", "data:,"]
    styles = (ASSETS / "report.css").read_text(encoding="utf-8")
    assert not re.search(r"url\(|@import|@font-face", styles)


def test_only_the_scripts_of_the_page_may_run() -> None:
    page = Page(hand_html())
    (policy,) = [
        attributes["content"]
        for tag, attributes in page.tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in page.scripts[1:]
    ]
    assert rules["script-src"].split() == hashes


def test_the_vendored_library_is_the_one_that_was_written_down() -> None:
    digest = hashlib.sha256((ASSETS / "echarts.common.min.js").read_bytes()).hexdigest()
    assert digest in (ASSETS / "README.md").read_text(encoding="utf-8")


def test_the_top_shows_the_figures_that_people_stake_money_on() -> None:
    html = hand_html()
    assert Page(html).figures == {
        "gmv": "19234",
        "net_gmv": "11234",
        "orders": "3",
        "aov": "6411",
        "conversion": "0.5",
        "pcu": "4",
    }
    shown = re.sub(r"\s+", " ", Page(html).shown)
    for text in (
        "EUR 192.34",
        "EUR 112.34",
        "EUR 64.11",
        "19:01 UTC: EUR 120.00 from 1 order, while Leather bag was on flash sale.",
        "Leather bag: EUR 160.00, 83.19% of GMV, 4 items.",
        "50.00%",
        "Reconciled: windows = ledger, difference 0 over 5 minutes",
        "provisional",
        "As of Mon 16 Nov 2026, 19:00:00 UTC",
        "Sales as of Sun 15 Nov 2026, 19:00:00 UTC",
        "Refunds may still come until 28 Nov 2026.",
        "Sat 14 Nov 2026, 19:00 – 19:10 UTC",
    ):
        assert text in shown


def test_a_difference_is_shown_as_a_warning_with_its_minute() -> None:
    store = MemoryStore()
    write_hand_show(store)
    store.tables["ledger"] = [row for row in store.tables["ledger"] if row["id"] != "o2"]
    html = render_html(build_report(store, "paris-1"))
    assert 'class="trust bad"' in html
    assert "NOT reconciled: windows ≠ ledger in 1 of 5 minutes" in html
    assert "Sat 14 Nov 2026, 19:02:00 UTC" in html


def test_lost_records_are_shown_as_a_warning_although_the_sums_agree() -> None:
    store = MemoryStore()
    write_hand_show(store)
    for row in store.tables["checkpoint"]:
        row["gap"] = 5
    html = render_html(build_report(store, "paris-1"))
    assert 'class="trust bad"' in html
    assert "Incomplete: 15 records lost, 0 unaccounted for" in html


@pytest.mark.parametrize("room_id", ["empty", "tokyo-1"])
def test_rooms_with_little_in_them_are_shown_too(room_id: str) -> None:
    store, show = MemoryStore(), Show("empty", "", "")
    write_hand_show(store)
    show.host(0, "product_listed", product_id="p", title="", price_minor=0)
    show.write(store)
    page = Page(render_html(build_report(store, room_id)))
    assert page.figures["conversion"] == ""
    assert "–" in page.shown


def test_every_metric_is_on_the_page_with_its_exact_value() -> None:
    store = MemoryStore()
    write_hand_show(store)
    report = build_report(store, "paris-1")
    assert Page(render_html(report)).measures == {
        m.key: "" if m.value is None else str(m.value)
        for m in (*report.headline.measures, *report.measures)
    }


def test_an_explanation_that_sold_nothing_is_shown_with_zeros() -> None:
    store, show = MemoryStore(), Show("quiet", "kol", "EUR")
    show.begin("Brand", "Title")
    show.host(0, "product_listed", product_id="unsold", title="Unsold", price_minor=100)
    show.host(1_000, "explanation_started", product_id="unsold")
    show.host(4 * MINUTE_MS, "explanation_ended", product_id="unsold")
    show.order(60_000, "ann", "o1", [("other", 1, 100)])
    show.host(5 * MINUTE_MS, "room_ended")
    show.write(store)
    checkpoints(store, {("live.purchases", 0): START_MS})
    assert "Explanations and flash sales" in Page(render_html(build_report(store, "quiet"))).shown
