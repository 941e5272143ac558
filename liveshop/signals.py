"""Ctrl-C and SIGTERM as an orderly end, in synchronous and in asynchronous code.

The first signal begins the end: synchronous code gets an :class:`Interrupted`, asynchronous code is
cancelled, or told in its own way (:func:`ending_by`). A second one ends the process on the spot;
the kernel takes its children along (``embedded.die_with_parent``), and nothing durable is lost.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

_T = TypeVar("_T")

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
#: ``timeout`` and ``make`` both pass a signal on: two within this time are one wish.
_ONE_WISH_S: Final = 1.0

#: What to do about the first signal; must be quick and must not raise.
Action = Callable[[signal.Signals], None]


class Interrupted(BaseException):
    """The user asked to stop. No ``Exception``, so that nobody takes it for a failure."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number.name)
        self.number = number


class _Watch:
    """Takes the signals of the process; there is one."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self.action: Action | None = None
        self._received_at = 0.0

    def __call__(self, number: int, frame: object) -> None:
        if self.received is not None:
            if time.monotonic() - self._received_at > _ONE_WISH_S:
                os._exit(128 + number)
            return
        self.received, self._received_at = signal.Signals(number), time.monotonic()
        if self.action is None:
            raise Interrupted(self.received)
        self.action(self.received)


_watch = _Watch()


def watch_signals() -> None:
    """Take SIGINT and SIGTERM from now on; for the main thread. Doing it twice changes nothing."""
    for number in SIGNALS:
        signal.signal(number, _watch)


@contextmanager
def ending_by(action: Action) -> Iterator[None]:
    """Let the first signal call ``action`` in the running event loop while the block runs."""
    loop = asyncio.get_running_loop()
    before = _watch.action
    _watch.action = lambda number: _later(loop, action, number)
    try:
        yield
    finally:
        _watch.action = before


def _later(loop: asyncio.AbstractEventLoop, action: Action, number: signal.Signals) -> None:
    loop.call_soon_threadsafe(action, number)


def run_interruptibly(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine; a signal cancels it, so that it can clean up.

    Work that ends by itself all the same has its result returned: see :func:`stop_if_asked`.

    Raises:
        Interrupted: it was cancelled that way, after its cleaning up.
    """

    async def main() -> _T:
        task = asyncio.ensure_future(work)

        def cancel(_: signal.Signals) -> None:
            task.cancel()

        with ending_by(cancel):
            return await task

    watch_signals()
    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        stop_if_asked()
        raise


def stop_if_asked() -> None:
    """Raise what a signal asked for and asynchronous work put off.

    Raises:
        Interrupted: there was one.
    """
    if _watch.received is not None:
        raise Interrupted(_watch.received) from None
