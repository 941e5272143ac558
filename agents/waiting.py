"""Waiting at the start for a broker or a store that is away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from schemas.errors import Unavailable

_T = TypeVar("_T")

logger = logging.getLogger(__name__)

#: Between two attempts: at first, and at most.
_PAUSE_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 2.0


async def until_there(
    attempt: Callable[[], Awaitable[_T]],
    limit_s: float,
    away: type[Exception] = Unavailable,
    is_over: Callable[[], bool] = lambda: False,
) -> _T:
    """Try until it succeeds, with longer and longer pauses; says once that it waits.

    Args:
        attempt: what fails while something is away; it is called anew each time.
        limit_s: for how long at most, in seconds; 0 tries once.
        away: what it raises then; anything else is raised at once.
        is_over: whether nobody waits for it any more; asked after each attempt.

    Raises:
        Exception: of the type ``away``, the last one, when the time is over.
    """
    began, pause_s = time.monotonic(), _PAUSE_S
    has_said = False
    while True:
        try:
            return await attempt()
        except away as error:
            if is_over() or time.monotonic() + pause_s > began + limit_s:
                raise
            if not has_said:
                logger.warning("%s Waiting for it, at most %.0f s.", error, limit_s)
                has_said = True
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
