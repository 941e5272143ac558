"""Ctrl-C and SIGTERM as an orderly end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


class Interrupted(Exception):
    """The user asked to stop; carries the signal's number."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number.name)
        self.number = number


def run_interruptibly(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine; the first SIGINT or SIGTERM cancels it, so that it can clean up.

    Raises:
        Interrupted: it was cancelled that way, after its cleaning up.
    """
    received: list[signal.Signals] = []

    async def main() -> _T:
        loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)

        def interrupt(number: signal.Signals) -> None:
            if not received:
                received.append(number)
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, interrupt, number)
        return await task

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        if received:
            raise Interrupted(received[0]) from None
        raise
