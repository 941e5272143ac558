"""Who may read what a worker serves.

With a token, everything but ``/healthz`` asks for it: as ``Authorization: Bearer TOKEN`` from
machines, and once as ``/?token=TOKEN`` from people, whose browser then keeps a cookie.

Without a token, a server on a loopback address answers only to the names of this machine. A page
of a stranger may have his name point to 127.0.0.1, and would then read our figures from within our
own browser ("DNS rebinding").
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from typing import Final

import orjson
from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: Open to everybody: supervisors ask it, and it says no more than that the worker works.
OPEN_PATHS: Final = frozenset({"/healthz"})

_COOKIE: Final = "liveshop"
_COOKIE_S: Final = 30 * 24 * 3600
_PARAMETER: Final = "token"

#: The browser asks for the page anew, from here: a redirect would still count as coming from
#: the page with the link, and a SameSite=Strict cookie is not sent then.
_WELCOME: Final = b"<!doctype html><title>Liveshop</title><p>One moment\xe2\x80\xa6"
_LOCKED: Final = (
    b"<!doctype html><title>Liveshop</title><p>This page needs a token: add <code>?token=\xe2\x80\xa6"
    b"</code> to its address. Whoever runs the worker knows it."
)
_SENTENCE: Final = "this needs a token: Authorization: Bearer TOKEN"


class Access:
    """Decides on every request.

    Args:
        token: what is asked for; empty for nothing.
        host: the address that is listened on.
    """

    def __init__(self, token: str, host: str) -> None:
        self._token = token.encode()
        # What the browser keeps is not the token, and stays the same for all workers.
        self._cookie = hmac.new(self._token, b"cookie of the live page", hashlib.sha256).hexdigest()
        self._only_this_machine = not token and _is_loopback(host)

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Middleware: let a request through, or answer it."""
        if request.path in OPEN_PATHS or not self._token:
            if self._only_this_machine and not _is_loopback(_name(request.host)):
                return _json("this server answers only to 127.0.0.1 and localhost", 403)
            return await handler(request)
        if self._is_known(request):
            return await handler(request)
        if request.path == "/" and self._is_token(request.query.get(_PARAMETER, "")):
            return self._welcome(request)
        return _refusal(request)

    def _is_known(self, request: web.Request) -> bool:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(token.strip()):
            return True
        cookie = request.cookies.get(_COOKIE, "")
        return hmac.compare_digest(cookie.encode("utf-8", "replace"), self._cookie.encode())

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._token)

    def _welcome(self, request: web.Request) -> web.Response:
        response = web.Response(body=_WELCOME, content_type="text/html", charset="utf-8")
        response.headers["Refresh"] = "0; url=/"
        response.headers["Cache-Control"] = "no-store"
        response.set_cookie(
            _COOKIE,
            self._cookie,
            max_age=_COOKIE_S,
            httponly=True,
            samesite="Strict",
            secure=request.secure,
        )
        return response


def _refusal(request: web.Request) -> web.Response:
    headers = {"WWW-Authenticate": 'Bearer realm="liveshop"', "Cache-Control": "no-store"}
    if request.path == "/":
        return web.Response(
            body=_LOCKED, status=401, headers=headers, content_type="text/html", charset="utf-8"
        )
    return _json(_SENTENCE, 401, headers)


def _json(sentence: str, status: int, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=orjson.dumps({"sentence": sentence}),
        status=status,
        headers=headers,
        content_type="application/json",
    )


def _name(host: str) -> str:
    """The name in a ``Host`` header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_loopback(name: str) -> bool:
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
