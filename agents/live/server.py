"""The worker's HTTP server: live page, figures, metrics, health. It only reads.

::

    GET /            the live page                  GET /metrics     Prometheus text
    GET /api/live    the newest snapshot, JSON      GET /healthz     200 or 503, JSON
    GET /api/stream  a snapshot per second, server-sent events

:mod:`agents.live.access` says who may.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from agents.live.access import Access
from agents.live.figures import FiguresSource
from agents.live.health import Health
from agents.live.hub import Hub
from schemas.errors import Unavailable

#: More open pages than this are turned away; each costs a socket and at most some 200 kB.
MAX_WATCHERS: Final = 200

_STATIC: Final = Path(__file__).parent / "static"
_HTML: Final = "text/html; charset=utf-8"
_SCRIPT: Final = "text/javascript; charset=utf-8"
_STYLE: Final = "text/css; charset=utf-8"


class _Asset(NamedTuple):
    path: str
    file: str
    content_type: str


_ASSETS: Final = (
    _Asset("/", "index.html", _HTML),
    _Asset("/static/live.js", "live.js", _SCRIPT),
    _Asset("/static/charts.js", "charts.js", _SCRIPT),
    _Asset("/static/live.css", "live.css", _STYLE),
    _Asset("/static/icon.svg", "icon.svg", "image/svg+xml"),
    _Asset("/static/vendor/uPlot.iife.min.js", "vendor/uPlot.iife.min.js", _SCRIPT),
    _Asset("/static/vendor/uPlot.min.css", "vendor/uPlot.min.css", _STYLE),
)

#: The page loads nothing but what this server sends, and nobody may frame it.
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "object-src 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "Server": "liveshop",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class LiveServer:
    """Serves the live page and what machines ask a worker.

    Args:
        host: address to listen on; anything but a loopback address opens the figures to others.
        port: TCP port; 0 takes a free one, see :attr:`port`.
        figures: where snapshots come from.
        metrics: what ``/metrics`` shows.
        health: called for every ``/healthz``; must not block.
        token: what everything but ``/healthz`` asks for; empty for nothing.
        interval_s: a snapshot per this many seconds.
        patience_s: a client that takes nothing for this long is dropped.
    """

    def __init__(
        self,
        host: str,
        port: int,
        figures: FiguresSource,
        metrics: CollectorRegistry,
        health: Callable[[], Health],
        *,
        token: str = "",
        interval_s: float = 1.0,
        patience_s: float = 10.0,
    ) -> None:
        self._host = host
        self._port = port
        self._metrics = metrics
        self._health = health
        self._patience_s = patience_s
        self._access = Access(token, host)
        self._hub = Hub(figures, interval_s)
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._port

    @property
    def watchers(self) -> int:
        """How many pages are open."""
        return self._hub.watchers

    async def start(self) -> None:
        """Listen.

        Raises:
            Unavailable: the address cannot be taken.
        """
        # A stream waits for the next snapshot, not for its client: cancel it when that goes.
        runner = web.AppRunner(
            self.application(), access_log=None, handler_cancellation=True, shutdown_timeout=2.0
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError as error:
            await runner.cleanup()
            raise _unavailable(error, self._host, self._port) from error
        self._runner = runner
        self._port = runner.addresses[0][1]
        self._hub.start()

    async def stop(self, *, final: bool = False) -> None:
        """Close all connections and the port. The figures' source stays open; it is not ours.

        Args:
            final: the show is over. Open pages get a last, complete snapshot, keep showing it
                and stop reconnecting.
        """
        if self._runner is None:
            return
        runner, self._runner = self._runner, None
        await self._hub.stop(final=final)
        await runner.cleanup()

    def application(self) -> web.Application:
        """Build the routes."""
        application = web.Application(middlewares=[self._access.guard])
        application.on_response_prepare.append(_secure)
        for asset in _ASSETS:
            application.router.add_get(asset.path, _static(asset))
        application.router.add_get("/api/live", self._get_live)
        application.router.add_get("/api/stream", self._get_stream)
        application.router.add_get("/metrics", self._get_metrics)
        application.router.add_get("/healthz", self._get_health)
        return application

    async def _get_live(self, request: web.Request) -> web.Response:
        message = await self._hub.now()
        return _json(message.data, status=503 if message.event == "trouble" else 200)

    async def _get_stream(self, request: web.Request) -> web.StreamResponse:
        if self._hub.watchers >= MAX_WATCHERS:
            return _json(orjson.dumps({"sentence": "too many open pages"}), status=503)
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                # A reverse proxy that gathers the stream would make the page stutter.
                "X-Accel-Buffering": "no",
            }
        )
        with self._hub.watch() as messages:
            await response.prepare(request)
            async for message in messages:
                try:
                    # Waits only while the socket's buffer is full.
                    await asyncio.wait_for(response.write(message.wire), self._patience_s)
                except (TimeoutError, ConnectionError):
                    _drop(request)
                    break
        return response

    async def _get_metrics(self, request: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(self._metrics), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def _get_health(self, request: web.Request) -> web.Response:
        health = self._health()
        return _json(orjson.dumps(health), status=200 if health.ok else 503)


def _static(asset: _Asset) -> Callable[[web.Request], Awaitable[web.Response]]:
    body = (_STATIC / asset.file).read_bytes()
    headers = {"Content-Type": asset.content_type, "Cache-Control": "no-cache"}

    async def get(request: web.Request) -> web.Response:
        return web.Response(body=body, headers=headers)

    return get


def _json(body: bytes, status: int) -> web.Response:
    return web.Response(
        body=body,
        status=status,
        headers={"Content-Type": "application/json", "Cache-Control": "no-store"},
    )


async def _secure(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def _drop(request: web.Request) -> None:
    """Close without waiting for what the client has not taken."""
    if request.transport is not None:
        request.transport.abort()


def _unavailable(error: OSError, host: str, port: int) -> Unavailable:
    if error.errno == errno.EADDRINUSE:
        return Unavailable(
            f"port {port} is in use", f"choose another one, for example --port {port + 1}"
        )
    return Unavailable(
        f"cannot listen on {host}:{port}: {error.strerror or error}",
        "choose an address of this machine and a port above 1023",
    )
