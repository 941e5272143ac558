"""Calling a store until it answers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final, TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_delay,
    stop_never,
    stop_when_event_set,
    wait_random_exponential,
)

from agents.stores.config import RetryPolicy
from schemas.store import StoreUnavailable

T = TypeVar("T")
#: Called before each wait with the error, the number of attempts so far and the wait in seconds.
OnRetry = Callable[[StoreUnavailable, int, float], None]

logger = logging.getLogger(__name__)
_DEFAULT_POLICY: Final = RetryPolicy()


def retrying(
    call: Callable[[], T],
    policy: RetryPolicy = _DEFAULT_POLICY,
    *,
    on_retry: OnRetry | None = None,
    give_up: threading.Event | None = None,
) -> T:
    """Make ``call`` until it does not raise ``StoreUnavailable``; blocks while it waits.

    Only calls that may be repeated belong here: inserts of whole batches, and queries. Each
    attempt is bounded by the store's own timeouts.

    Args:
        call: for example ``lambda: store.insert(table, columns)``.
        policy: how long to wait, and for how long in all.
        on_retry: for metrics; runs in the calling thread before each wait.
        give_up: when set from another thread, ends the wait and the attempts at once.

    Raises:
        StoreUnavailable: the last one, once the policy's time is over or ``give_up`` is set.
        Exception: anything else that ``call`` raises, at once.
    """

    def before_sleep(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        wait_seconds = state.next_action.sleep if state.next_action else 0.0
        if isinstance(error, StoreUnavailable):
            logger.warning(
                "store call failed (attempt %d), next in %.1f s: %s",
                state.attempt_number,
                wait_seconds,
                error,
            )
            if on_retry is not None:
                on_retry(error, state.attempt_number, wait_seconds)

    stop = stop_never if policy.total_seconds is None else stop_after_delay(policy.total_seconds)
    event = give_up or threading.Event()
    attempts = Retrying(
        retry=retry_if_exception_type(StoreUnavailable),
        wait=wait_random_exponential(
            multiplier=policy.first_wait_seconds, max=policy.max_wait_seconds
        ),
        stop=stop | stop_when_event_set(event),
        sleep=sleep_using_event(event),
        before_sleep=before_sleep,
        reraise=True,
    )
    return attempts(call)
