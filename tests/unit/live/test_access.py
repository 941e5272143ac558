"""Who may read what a worker serves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from agents.live.health import Health
from agents.live.server import LiveServer
from tests.fixtures.live_source import CountingSource

TOKEN = "0123456789abcdef"
BEHIND_IT = [
    "/",
    "/api/live",
    "/api/stream",
    "/metrics",
    "/static/live.js",
    "/no",
    "/healthz/",
    "/healthz/../metrics",
]


@asynccontextmanager
async def serving(token: str = "", host: str = "127.0.0.1") -> AsyncIterator[aiohttp.ClientSession]:
    health = Health(ok=True, sentence="well")
    server = LiveServer(host, 0, CountingSource(), CollectorRegistry(), lambda: health, token=token)
    await server.start()
    # Cookies of an address instead of a name are not kept otherwise.
    jar = aiohttp.CookieJar(unsafe=True)
    try:
        async with aiohttp.ClientSession(
            f"http://127.0.0.1:{server.port}", cookie_jar=jar
        ) as client:
            yield client
    finally:
        await server.stop()


async def status(client: aiohttp.ClientSession, path: str, **headers: str) -> int:
    async with client.get(path, headers=headers) as response:
        return response.status


@pytest.mark.parametrize("path", BEHIND_IT)
async def test_with_a_token_nothing_is_read_without_it(path: str) -> None:
    async with serving(TOKEN) as client, client.get(path) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert "default-src 'self'" in response.headers["Content-Security-Policy"]
        assert "Set-Cookie" not in response.headers
        assert TOKEN not in await response.text()


async def test_health_is_open_to_supervisors() -> None:
    async with serving(TOKEN) as client:
        assert await status(client, "/healthz") == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Bearer "])
async def test_a_machine_gives_the_token_in_a_header(scheme: str) -> None:
    async with serving(TOKEN) as client:
        for path in ("/api/live", "/metrics", "/api/stream", "/"):
            assert await status(client, path, Authorization=f"{scheme} {TOKEN}") == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}0",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer \xff\xfe",
        f"Bearer {TOKEN.upper()}",
    ],
)
async def test_another_header_opens_nothing(header: str) -> None:
    async with serving(TOKEN) as client:
        assert await status(client, "/api/live", Authorization=header) == 401


async def test_a_person_gives_the_token_once_and_the_browser_keeps_a_cookie() -> None:
    async with serving(TOKEN) as client:
        async with client.get("/", params={"token": TOKEN}) as welcome:
            assert welcome.status == 200
            # The page is asked for anew, without the token in its address.
            assert welcome.headers["Refresh"] == "0; url=/"
            assert welcome.headers["Cache-Control"] == "no-store"
            assert welcome.headers["Referrer-Policy"] == "no-referrer"
            cookie = welcome.headers["Set-Cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=Strict" in cookie
            assert TOKEN not in cookie + await welcome.text()
        for path in ("/", "/api/live", "/metrics", "/static/live.js"):
            assert await status(client, path) == 200


@pytest.mark.parametrize("path", ["/", "/?token=", "/?token=x", f"/?token={TOKEN[:-1]}"])
async def test_another_token_is_not_kept(path: str) -> None:
    async with serving(TOKEN) as client, client.get(path) as response:
        assert response.status == 401
        assert "Set-Cookie" not in response.headers
        assert "needs a token" in await response.text()


@pytest.mark.parametrize("path", ["/api/live", "/metrics", "/api/stream"])
async def test_only_the_page_takes_a_token_from_its_address(path: str) -> None:
    """Addresses stand in logs of proxies; those of machines are asked for again and again."""
    async with serving(TOKEN) as client:
        assert await status(client, f"{path}?token={TOKEN}") == 401


async def test_a_cookie_of_another_token_or_the_token_itself_as_a_cookie_opens_nothing() -> None:
    async with serving("another-token-of-ours") as client:
        await status(client, "/?token=another-token-of-ours")
        (cookie,) = list(client.cookie_jar)
    async with serving(TOKEN) as client:
        for value in (cookie.value, TOKEN, "", "\xff"):
            assert await status(client, "/api/live", Cookie=f"liveshop={value}") == 401


async def test_the_cookie_is_good_for_every_worker_with_the_same_token() -> None:
    async with serving(TOKEN) as client:
        await status(client, f"/?token={TOKEN}")
        (cookie,) = list(client.cookie_jar)
    async with serving(TOKEN) as client:
        assert await status(client, "/api/live", Cookie=f"liveshop={cookie.value}") == 200


# --- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        *(
            (name, 200)
            for name in ("127.0.0.1", "localhost", "LocalHost:80", "[::1]:80", "127.1.2.3")
        ),
        *(
            (name, 403)
            for name in ("shop.example", "shop.example:80", "192.0.2.1", "127.0.0.1.x", "")
        ),
    ],
)
async def test_a_strangers_name_for_this_machine_reads_nothing(host: str, answer: int) -> None:
    async with serving() as client:
        assert await status(client, "/api/live", Host=host) == answer
        assert await status(client, "/healthz", Host=host) == answer


async def test_with_a_token_or_for_everybody_any_name_will_do() -> None:
    async with serving(TOKEN) as client:
        headers = {"Authorization": f"Bearer {TOKEN}", "Host": "shop.example"}
        assert await status(client, "/api/live", **headers) == 200
    async with serving(host="0.0.0.0") as client:
        assert await status(client, "/api/live", Host="shop.example") == 200
