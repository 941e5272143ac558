from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
import pytest
from prometheus_client import CollectorRegistry

from agents.live import server as server_module
from agents.live.health import Health
from agents.live.server import LiveServer
from agents.metrics import Metrics
from schemas.errors import Unavailable
from schemas.store import StoreUnavailable
from tests.fixtures.live_source import CountingSource

WELL = Health(ok=True, sentence="all is well", details={"assigned_partitions": 5})


@asynccontextmanager
async def serving(
    source: CountingSource | None = None,
    *,
    metrics: CollectorRegistry | None = None,
    health: Callable[[], Health] = lambda: WELL,
    **options: Any,
) -> AsyncIterator[tuple[LiveServer, aiohttp.ClientSession]]:
    server = LiveServer(
        "127.0.0.1",
        0,
        source or CountingSource(),
        metrics or CollectorRegistry(),
        health,
        **options,
    )
    await server.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client:
            yield server, client
    finally:
        await server.stop()


async def events(response: aiohttp.ClientResponse, count: int) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    while len(found) < count:
        name = (await response.content.readline()).decode().removeprefix("event: ").strip()
        data = (await response.content.readline()).removeprefix(b"data: ")
        await response.content.readline()
        found.append((name, orjson.loads(data)))
    return found


async def test_the_page_and_everything_it_loads_come_from_this_server() -> None:
    async with serving() as (_, client):
        for path, kind in (
            ("/", "text/html"),
            ("/static/live.js", "text/javascript"),
            ("/static/charts.js", "text/javascript"),
            ("/static/live.css", "text/css"),
            ("/static/icon.svg", "image/svg+xml"),
            ("/static/vendor/uPlot.iife.min.js", "text/javascript"),
            ("/static/vendor/uPlot.min.css", "text/css"),
        ):
            async with client.get(path) as response:
                assert (path, response.status, response.content_type) == (path, 200, kind)


@pytest.mark.parametrize("path", ["/", "/api/live", "/api/stream", "/metrics", "/healthz", "/no"])
async def test_every_answer_forbids_foreign_content_and_framing(path: str) -> None:
    async with serving() as (_, client), client.get(path) as response:
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/static/../server.py", "/static/%2e%2e/server.py", "/server.py"])
async def test_no_other_file_can_be_read(path: str) -> None:
    async with serving() as (_, client), client.get(path) as response:
        assert response.status == 404


async def test_the_snapshot_is_plain_json() -> None:
    async with serving() as (_, client), client.get("/api/live") as response:
        assert response.headers["Cache-Control"] == "no-store"
        assert (await response.json())["as_of_ms"] == 1


async def test_the_snapshot_of_a_store_that_is_away_is_a_503_with_a_sentence() -> None:
    source = CountingSource(failures=[StoreUnavailable("gone")])
    async with serving(source) as (_, client), client.get("/api/live") as response:
        assert response.status == 503
        assert "the store does not answer" in (await response.json())["sentence"]


async def test_metrics_are_in_the_format_of_prometheus() -> None:
    metrics = Metrics(topics=("live.likes",))
    metrics.consumed.labels("live.likes").inc(7)
    async with serving(metrics=metrics.registry) as (_, client), client.get("/metrics") as response:
        assert response.headers["Content-Type"].startswith("text/plain; version=")
        text = await response.text()
        assert 'liveshop_records_consumed_total{topic="live.likes"} 7.0' in text


async def test_a_healthy_worker_answers_200() -> None:
    async with serving() as (_, client), client.get("/healthz") as response:
        assert response.status == 200
        assert await response.json() == {
            "ok": True,
            "sentence": "all is well",
            "details": {"assigned_partitions": 5},
        }


async def test_a_worker_without_progress_answers_503() -> None:
    ill = Health(ok=False, sentence="no flush for 40 s")
    async with serving(health=lambda: ill) as (_, client), client.get("/healthz") as response:
        assert response.status == 503
        assert (await response.json())["sentence"] == "no flush for 40 s"


async def test_twenty_open_pages_share_one_question_per_interval() -> None:
    source = CountingSource()
    async with serving(source, interval_s=0.1) as (server, client):

        async def watch() -> list[tuple[str, Any]]:
            async with client.get("/api/stream") as response:
                assert response.content_type == "text/event-stream"
                return await events(response, 4)

        seen = await asyncio.gather(*(watch() for _ in range(20)))
        assert all([name for name, _ in one] == ["snapshot"] * 4 for one in seen)
        assert 4 <= source.asked <= 6
        await until(lambda: server.watchers == 0)


async def test_a_page_that_is_closed_is_no_longer_counted_even_between_two_snapshots() -> None:
    async with serving(interval_s=60.0) as (server, client):
        async with client.get("/api/stream") as response:
            await events(response, 1)
            assert server.watchers == 1
        await until(lambda: server.watchers == 0)


async def test_a_client_that_takes_nothing_is_dropped_and_holds_up_nobody() -> None:
    source = CountingSource(ballast="x" * 2_000_000)
    async with serving(source, interval_s=0.05, patience_s=0.3) as (server, client):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await writer.drain()
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        await until(lambda: server.watchers == 1)
        async with client.get("/api/stream") as response:
            response.content._high_water = 2**26
            assert len(await events(response, 5)) == 5
        await until(lambda: server.watchers == 0)
        writer.close()


async def test_one_page_too_many_is_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "MAX_WATCHERS", 1)
    async with serving(interval_s=60.0) as (_, client), client.get("/api/stream") as first:
        await events(first, 1)
        async with client.get("/api/stream") as second:
            assert second.status == 503


async def test_the_end_of_the_show_is_the_last_event_of_every_stream() -> None:
    async with serving(interval_s=60.0) as (server, client), client.get("/api/stream") as response:
        await events(response, 1)
        stopping = asyncio.create_task(server.stop(final=True))
        [(name, data)] = await events(response, 1)
        assert (name, data["as_of_ms"]) == ("ended", 2)
        assert await response.content.read() == b""
        await stopping


async def test_a_port_in_use_is_one_sentence_with_a_hint() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = LiveServer("127.0.0.1", port, CountingSource(), CollectorRegistry(), lambda: WELL)
        with pytest.raises(Unavailable) as caught:
            await server.start()
    assert f"ort {port} is in use" in caught.value.sentence
    assert f"--port {port + 1}" in caught.value.hint
    await server.stop()


async def test_an_address_of_another_machine_is_one_sentence_with_a_hint() -> None:
    server = LiveServer("192.0.2.1", 0, CountingSource(), CollectorRegistry(), lambda: WELL)
    with pytest.raises(Unavailable, match=r"annot listen on 192\.0\.2\.1:0"):
        await server.start()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the server offers no event for it
            await asyncio.sleep(0.01)
