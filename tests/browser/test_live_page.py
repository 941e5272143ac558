"""The live page in a real browser, against the store it shows."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry

from agents.live.figures import Figures
from agents.live.health import Health
from agents.live.server import LiveServer
from agents.live.trust import Trust
from agents.stores import open_store
from schemas.store import Store
from tests.fixtures.live_show import HOSTILE_KOL, write_evening
from tests.fixtures.live_source import TRUST

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytestmark = [pytest.mark.browser, pytest.mark.embedded]


@dataclass
class Show:
    """A served show: the store behind it, and switches for the test."""

    store: Store
    server: LiveServer
    loop: asyncio.AbstractEventLoop
    figures: Figures
    trust: Trust = TRUST

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}/"

    def stop(self, *, final: bool) -> None:
        asyncio.run_coroutine_threadsafe(self.server.stop(final=final), self.loop).result(20)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop in a thread of its own: playwright's blocking interface has this one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(name="show")
def serve_show(chdb_dsn: str, loop: asyncio.AbstractEventLoop) -> Iterator[Show]:
    store = open_store(chdb_dsn)
    store.ensure_schema()
    write_evening(store)
    figures = Figures(open_store(chdb_dsn), lambda: show.trust)
    server = LiveServer(
        "127.0.0.1", 0, figures, CollectorRegistry(), lambda: Health(True, ""), interval_s=0.2
    )
    show = Show(store, server, loop, figures)

    def run(coroutine: Any) -> None:
        done: Future[None] = asyncio.run_coroutine_threadsafe(coroutine, loop)
        done.result(20)

    run(server.start())
    yield show
    run(server.stop())
    run(figures.close())
    store.close()


@dataclass
class Watched:
    """A page, and what it did that nobody should see."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def text(self, selector: str) -> str:
        return self.page.locator(selector).inner_text()

    def minor(self, selector: str) -> int:
        return int(self.page.locator(selector).get_attribute("data-minor") or "")

    def count(self, selector: str) -> int:
        return int(self.page.locator(selector).get_attribute("data-count") or "")

    def wait(self, script: str) -> None:
        # A function, not a string: evaluating strings is what the page's CSP forbids.
        self.page.wait_for_function(f"() => {script}", timeout=10_000)


@pytest.fixture
def open_page(chromium: BrowserContext, show: Show) -> Iterator[Callable[..., Watched]]:
    opened: list[Watched] = []

    def open_it(width: int = 1280, height: int = 800, fragment: str = "") -> Watched:
        watched = Watched(chromium.new_page())
        opened.append(watched)
        page = watched.page
        page.set_viewport_size({"width": width, "height": height})
        page.on("console", lambda message: watched.complaints.append(message.text))
        page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        page.on("dialog", lambda dialog: watched.complaints.append(dialog.message))
        page.on("request", lambda request: watched.requests.append(request.url))
        page.goto(show.url + fragment)
        page.wait_for_selector('body[data-state="live"]')
        return watched

    yield open_it
    for watched in opened:
        watched.page.close()


def summary(store: Store, currency: str) -> dict[str, Any]:
    [row] = store.query(
        "SELECT sum(gmv_minor) AS gmv, sum(refund_minor) AS paid_back, sum(orders) AS sold, "
        "sum(units) AS items FROM room_summary WHERE currency = %(currency)s",
        {"currency": currency},
    )
    return row


@pytest.mark.parametrize("currency", ["EUR", "USD"])
def test_the_figures_on_the_page_are_those_of_the_store(
    show: Show, open_page: Callable[..., Watched], currency: str
) -> None:
    page = open_page(fragment=f"#currency={currency}")
    truth = summary(show.store, currency)
    assert page.text("#currency") == currency
    assert page.minor("#gmv") == truth["gmv"]
    assert page.text("#gmv") == f"{truth['gmv'] // 100:,}.{truth['gmv'] % 100:02}"
    assert page.minor("#refunded") == truth["paid_back"]
    assert page.minor("#net") == truth["gmv"] - truth["paid_back"]
    assert page.count("#orders") == truth["sold"]
    assert page.count("#units") == truth["items"]
    [people] = show.store.query(
        "SELECT sum(views) AS entered, sum(views) - sum(leaves) AS present, sum(likes) AS hearts, "
        "sum(chats) AS messages FROM room_summary"
    )
    shown = [page.count(f"#{name}") for name in ("views", "online", "likes", "chats")]
    assert shown == list(people.values())


def test_the_leaderboard_is_a_table_of_the_newest_ranks(
    show: Show, open_page: Callable[..., Watched]
) -> None:
    page = open_page()
    rows = page.page.locator("#board tr")
    expected = show.store.query(
        "SELECT kol_id, net_gmv_minor FROM kol_rank FINAL "
        "WHERE span = 'show' AND currency = 'EUR' AND rank <= 10 ORDER BY rank"
    )
    shown = [
        (
            row.locator("th").inner_text(),
            int(row.locator("td[data-minor]").get_attribute("data-minor") or ""),
        )
        for row in rows.all()
    ]
    assert shown == [(row["kol_id"], row["net_gmv_minor"]) for row in expected]
    assert rows.nth(0).locator("td").nth(1).inner_text() == "▲1"
    assert rows.nth(1).locator("td").nth(1).inner_text() == "▼1"
    page.page.select_option("#ranked-by", "orders")
    assert rows.count() == 0
    assert page.page.locator("#board-empty").is_visible()


def test_names_from_outside_stay_text_and_the_page_asks_nobody_else(
    show: Show, open_page: Callable[..., Watched]
) -> None:
    page = open_page(fragment="#room=qvc-ny&currency=USD")
    page.page.wait_for_timeout(1_000)
    assert page.text("#board th") == HOSTILE_KOL
    assert page.text("#scope") == "· <b>New York</b> late night deals"
    assert page.page.locator("#board script, #rooms b, #scope b").count() == 0
    assert page.complaints == []
    assert len(page.requests) > 5
    assert {url for url in page.requests if not url.startswith(show.url)} == set()


def test_a_link_with_the_token_opens_the_page_from_anywhere_and_leaves_the_address(
    show: Show, chromium: BrowserContext, link_on_another_site: Callable[[str], str]
) -> None:
    token = "0123456789abcdef"
    server = LiveServer(
        "127.0.0.1", 0, show.figures, CollectorRegistry(), lambda: Health(True, ""), token=token
    )
    asyncio.run_coroutine_threadsafe(server.start(), show.loop).result(20)
    address = f"http://127.0.0.1:{server.port}/"
    page = chromium.new_page()
    try:
        page.goto(address)
        assert "needs a token" in page.inner_text("body")
        # The cookie is SameSite=Strict: it must be sent although a stranger's link led here.
        page.goto(link_on_another_site(f"{address}?token={token}"))
        page.click("a")
        page.wait_for_selector('body[data-state="live"]')
        assert page.url == address
        assert page.evaluate("document.cookie") == ""
    finally:
        page.close()
        asyncio.run_coroutine_threadsafe(server.stop(), show.loop).result(20)


@pytest.fixture
def link_on_another_site() -> Iterator[Callable[[str], str]]:
    """Serves a page with a link on ``localhost``, which is another site than ``127.0.0.1``."""
    served: list[str] = []

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f'<a href="{served[0]}">the show</a>'.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()

        def link(to: str) -> str:
            served.append(to)
            return f"http://localhost:{site.server_port}/"

        yield link
        site.shutdown()


def test_a_room_is_chosen_by_its_row_and_the_address_remembers_it(
    show: Show, open_page: Callable[..., Watched]
) -> None:
    page = open_page()
    page.page.locator('[data-room="qvc-ny"]').click()
    # The room sells in dollars only, so its figures are shown in dollars.
    assert (page.text("#currency"), page.minor("#gmv")) == (
        "USD",
        summary(show.store, "USD")["gmv"],
    )
    assert "room=qvc-ny" in page.page.url
    page.page.select_option("#room", "")
    assert page.minor("#gmv") == summary(show.store, "EUR")["gmv"]


def test_a_new_sale_appears_without_a_reload(show: Show, open_page: Callable[..., Watched]) -> None:
    page = open_page()
    before = page.minor("#gmv")
    show.store.insert(
        "sales_window",
        {
            "room_id": ["flash-drop"],
            "currency": ["EUR"],
            "window_start": [1_781_812_800],
            "kafka_partition": [7],
            "orders": [1],
            "gmv_minor": [1_234],
        },
    )
    page.wait(f"document.getElementById('gmv').dataset.minor === '{before + 1_234}'")
    # Its ledger row is missing: the page first checks, then says so.
    page.wait("document.getElementById('trust').dataset.level === 'difference'")
    assert "+1 orders, GMV 12.34 EUR" in page.text("#trust")


def test_the_trust_line_follows_the_worker(show: Show, open_page: Callable[..., Watched]) -> None:
    page = open_page()
    assert page.text("#trust") == "exact: 0 unaccounted, windows = ledger"
    show.trust = replace(TRUST, lag_records=45_120, latency_p50_ms=12_300)
    page.wait("document.getElementById('trust').dataset.level === 'behind'")
    assert "45,120 records to go" in page.text("#trust")
    assert page.text("#latency") == "12.3 s / 1.2 s"


def test_the_end_of_the_show_keeps_the_last_figures(
    show: Show, open_page: Callable[..., Watched]
) -> None:
    page = open_page()
    show.stop(final=True)
    page.wait("document.body.dataset.state === 'ended'")
    assert page.text("#connection") == "the show has ended"
    assert page.minor("#gmv") == summary(show.store, "EUR")["gmv"]
    page.page.wait_for_timeout(1_500)
    assert page.complaints == []


def test_a_worker_that_goes_away_is_waited_for(
    show: Show, open_page: Callable[..., Watched]
) -> None:
    page = open_page()
    show.stop(final=False)
    page.wait("document.body.dataset.state === 'reconnecting'")
    assert page.text("#connection") == "reconnecting…"


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1920, 1080), (390, 844), (320, 640)])
def test_the_page_fits(
    open_page: Callable[..., Watched], tmp_path: Path, width: int, height: int
) -> None:
    page = open_page(width, height)
    sizes = page.page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    )
    assert sizes[0] <= width
    if width >= 1280:
        assert sizes[1] <= height
    hidden = page.page.evaluate(
        """[...document.querySelectorAll(".scroll")].map((box) => box.scrollHeight - box.clientHeight)"""
    )
    assert max(hidden) <= 1
    assert cut_off(page) == []
    page.page.screenshot(path=tmp_path / f"live-{width}.png", full_page=True)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_huge_figures_are_set_smaller_and_never_cut_off(
    show: Show, open_page: Callable[..., Watched], width: int, height: int
) -> None:
    where: dict[str, list[Any]] = {"room_id": ["flash-drop"], "kafka_partition": [7]}
    sales = {"gmv_minor": 812_345_678_901_234, "refund_minor": 112_345_678_901_234}
    counts = {"orders": 98_765_432, "units": 99_999_999, "refunds": 12_345_678}
    traffic = {"views": 87_654_321, "chats": 54_321_098, "likes": 765_432_109_876}
    for table, text, values in (
        ("sales_window", {"currency": ["EUR"], "kol_id": ["Viya"]}, {**sales, **counts}),
        ("activity_window", {}, traffic),
    ):
        numbers = {name: [value] for name, value in values.items()}
        show.store.insert(table, {**where, **text, **numbers, "window_start": [1_781_812_800]})
    page = open_page(width, height)
    page.wait("document.getElementById('gmv').textContent.length > 15")
    assert page.page.evaluate("document.documentElement.scrollWidth") <= width
    assert cut_off(page) == []


def cut_off(page: Watched) -> list[str]:
    """Find the figures that do not fit into their boxes."""
    texts: list[str] = page.page.evaluate(
        """[...document.querySelectorAll(".gmv, .sums dd, .tiles dd:not(.soft), .trust, td")]
             .filter((box) => box.scrollWidth > box.clientWidth + 1)
             .map((box) => box.textContent)"""
    )
    return texts


def test_the_gmv_is_announced_politely_and_tables_have_headers(
    open_page: Callable[..., Watched],
) -> None:
    page = open_page()
    assert page.page.locator("[aria-live=polite]").inner_text().startswith("GMV 88,340.80 EUR")
    assert page.page.locator("#board tr th[scope=row]").count() == 10
    label = page.page.locator("#orders-chart").get_attribute("aria-label") or ""
    assert label.startswith("Orders per minute: last full minute 45 orders, peak 45 orders")
