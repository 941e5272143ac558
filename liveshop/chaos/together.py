"""Several things at once, of which the first failure is everybody's."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def together(*works: Coroutine[Any, Any, Any], beside: tuple[Any, ...] = ()) -> None:
    """Wait for all of ``works``; the first failure cancels the others and is raised.

    Args:
        works: what has to be done.
        beside: coroutines that go on for as long as that takes; they are cancelled at its end.
    """
    needed = {asyncio.ensure_future(work) for work in works}
    duties = {asyncio.ensure_future(duty) for duty in beside}
    waiting = needed | duties
    try:
        while not all(task.done() for task in needed):
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    finally:
        for task in needed | duties:
            task.cancel()
        await asyncio.gather(*needed, *duties, return_exceptions=True)
