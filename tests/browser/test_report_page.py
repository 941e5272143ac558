"""The report in a real browser: it asks for nothing, draws its charts and says what the JSON says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reports import report
from tests.fixtures.report_show import MINUTE_MS, START_MS, Show, checkpoints, write_gala
from tests.fixtures.report_store import MemoryStore

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@dataclass
class Opened:
    """A report in a tab, what the tab asked for and complained about."""

    page: Page
    json: Any
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def open_report(
    browser: BrowserContext, directory: Path, store: MemoryStore, room_id: str
) -> Opened:
    """Write the report to a file and open it, as a reader would."""
    html = report(store, room_id, "html")
    assert isinstance(html, str)
    path = directory / "report.html"
    path.write_text(html, encoding="utf-8", newline="")
    opened = Opened(browser.new_page(), json.loads(report(store, room_id, "json")))
    page = opened.page
    page.set_default_timeout(20_000)
    page.on("request", lambda request: opened.requests.append(request.url))
    page.on("console", lambda message: opened.complaints.append(message.text))
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.on("dialog", lambda dialog: opened.complaints.append(dialog.message))
    page.goto(path.as_uri())
    return opened


@pytest.fixture
def gala(chromium: BrowserContext, tmp_path: Path) -> Iterator[Opened]:
    store = MemoryStore()
    opened = open_report(chromium, tmp_path, store, write_gala(store))
    yield opened
    opened.page.close()


def test_the_page_makes_no_request_and_no_complaint(gala: Opened) -> None:
    gala.page.wait_for_selector("#chart svg")
    assert [url.rpartition("/")[2] for url in gala.requests] == ["report.html"]
    assert gala.complaints == []


def test_the_charts_are_drawn_from_every_minute(gala: Opened) -> None:
    page = gala.page
    page.wait_for_selector("#chart svg")
    labels = page.locator("#chart svg text").all_text_contents()
    for text in ("GMV, EUR", "Viewers online", "Product clicks", "Comments", "Likes", "Flash"):
        assert text in labels
    sold = sum(1 for minute in gala.json["currencies"][0]["minutes"] if minute["gmv_minor"])
    accent = page.evaluate(
        "getComputedStyle(document.documentElement).getPropertyValue('--accent').trim()"
    )
    assert page.locator(f"#chart svg path[fill='{accent}']").count() >= sold


def test_a_minute_stands_at_the_same_place_in_every_panel(gala: Opened) -> None:
    gala.page.wait_for_selector("#chart svg")
    places = gala.page.evaluate(
        """at => {
            const chart = echarts.getInstanceByDom(document.getElementById("chart"));
            return chart.getOption().xAxis.map((_, i) => chart.convertToPixel({ xAxisIndex: i }, at));
        }""",
        gala.json["minutes"][3]["minute_ms"],
    )
    assert len(places) == 5
    assert max(places) - min(places) < 0.5


def test_the_figures_are_those_of_the_json(gala: Opened) -> None:
    measures = {
        m["key"]: m for m in (*gala.json["measures"], *gala.json["currencies"][0]["measures"])
    }
    for key in ("gmv", "net_gmv", "orders", "aov", "conversion", "pcu"):
        shown = gala.page.locator(f"[data-metric={key}]")
        value = measures[key]["value"]
        assert shown.get_attribute("data-value") == str(value)
        digits = shown.inner_text().replace("EUR", "").strip()
        match measures[key]["unit"]:
            case "money":
                assert digits == f"{value // 100:,}.{value % 100:02}"
            case "percent":
                assert digits == f"{value * 100:.2f}%"
            case _:
                assert digits == f"{value:,}"
    statement = gala.json["reconciliation"]["statement"]
    assert statement.removeprefix("r") in gala.page.locator("#trust-line").inner_text()


@pytest.mark.parametrize("width", [1280, 768, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_of_the_page_at_any_width(gala: Opened, width: int, scheme: str) -> None:
    page = gala.page
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_function("document.querySelector('#chart svg').clientWidth <= innerWidth")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert gala.complaints == []


def test_the_chart_takes_the_colours_of_the_scheme(gala: Opened) -> None:
    page = gala.page
    before = page.locator("#chart svg").inner_html()
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "before => document.querySelector('#chart svg').innerHTML !== before", arg=before
    )
    assert "#35b8a3" in page.locator("#chart svg").inner_html()
    page.emulate_media(color_scheme="light")


def test_refunds_can_be_seen_where_they_were_sold(gala: Opened) -> None:
    page = gala.page
    page.wait_for_selector("#chart svg")
    assert "Refunds, when refunded" in page.locator("#chart svg").text_content()  # type: ignore[operator]
    page.get_by_text("when sold", exact=True).click()
    page.wait_for_function(
        "document.querySelector('#chart svg').textContent.includes('Refunds, when sold')"
    )


def test_a_minute_under_the_pointer_tells_its_figures(gala: Opened) -> None:
    page = gala.page
    page.locator("#chart").hover(position={"x": 300, "y": 120})
    tip = page.locator("#chart .tip")
    tip.wait_for()
    text = page.locator("#chart").inner_text()
    clock = text[text.index(" UTC") - 5 : text.index(" UTC")]
    minute = next(
        sales
        for sales in gala.json["currencies"][0]["minutes"]
        if _clock(sales["minute_ms"]) == clock
    )
    assert f"{minute['gmv_minor'] / 100:,.2f}" in tip.inner_text()


def test_the_table_behind_the_chart_can_be_opened_with_the_keyboard(gala: Opened) -> None:
    page = gala.page
    page.locator("#curve summary").focus()
    page.keyboard.press("Enter")
    rows = page.locator("#curve table tbody tr")
    assert rows.count() == len(gala.json["minutes"])
    assert rows.first.is_visible()


def test_titles_that_attack_the_page_stay_text_also_in_the_chart(
    chromium: BrowserContext, tmp_path: Path
) -> None:
    store, show = MemoryStore(), Show("hostile", HOSTILE, "EUR")
    show.begin(HOSTILE, HOSTILE)
    show.host(0, "product_listed", product_id=HOSTILE, title=HOSTILE, price_minor=1)
    show.host(0, "explanation_started", product_id=HOSTILE)
    show.order(MINUTE_MS, "u", "o", [(HOSTILE, 1, 100)])
    show.host(3 * MINUTE_MS, "room_ended")
    show.write(store)
    checkpoints(store, {("live.purchases", 0): START_MS})
    opened = open_report(chromium, tmp_path, store, "hostile")
    page = opened.page
    page.locator("#chart").hover(position={"x": 300, "y": 120})
    page.locator("#chart .tip").wait_for()
    assert HOSTILE in page.locator("#chart").inner_text()
    assert page.locator("h1").inner_text() == HOSTILE
    assert page.locator("img").count() == 0
    assert opened.complaints == []
    page.close()


def _clock(epoch_ms: int) -> str:
    minutes = epoch_ms // MINUTE_MS
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"
