from __future__ import annotations

import threading
import time

import pytest

from agents.stores import RetryPolicy, retrying
from schemas.store import StoreRejected, StoreUnavailable

FAST = RetryPolicy(first_wait_seconds=0.001, max_wait_seconds=0.002)


class Flaky:
    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise StoreUnavailable(f"failure {self.calls}")
        return "done"


def test_a_call_is_repeated_until_the_store_answers() -> None:
    call = Flaky(failures=5)
    seen: list[tuple[str, int]] = []
    assert retrying(call, FAST, on_retry=lambda e, n, _: seen.append((str(e), n))) == "done"
    assert call.calls == 6
    assert seen == [(f"failure {n}", n) for n in range(1, 6)]


def test_a_rejected_call_is_not_repeated() -> None:
    calls: list[int] = []

    def call() -> None:
        calls.append(1)
        raise StoreRejected("no")

    with pytest.raises(StoreRejected):
        retrying(call, FAST)
    assert calls == [1]


def test_the_last_error_is_raised_when_the_time_is_over() -> None:
    policy = RetryPolicy(first_wait_seconds=0.01, max_wait_seconds=0.01, total_seconds=0.1)
    begin = time.monotonic()
    with pytest.raises(StoreUnavailable, match="failure"):
        retrying(Flaky(failures=10**9), policy)
    assert 0.1 <= time.monotonic() - begin < 2


def test_waits_grow_but_never_beyond_their_bound() -> None:
    waits: list[float] = []
    policy = RetryPolicy(first_wait_seconds=0.001, max_wait_seconds=0.004)
    retrying(Flaky(failures=30), policy, on_retry=lambda _, __, wait: waits.append(wait))
    assert max(waits[:1]) <= 0.001
    assert 0.001 < max(waits) <= 0.004


def test_giving_up_ends_a_long_wait_at_once() -> None:
    give_up = threading.Event()
    policy = RetryPolicy(first_wait_seconds=60, max_wait_seconds=60)
    timer = threading.Timer(0.1, give_up.set)
    timer.start()
    begin = time.monotonic()
    with pytest.raises(StoreUnavailable):
        retrying(Flaky(failures=10**9), policy, give_up=give_up)
    assert time.monotonic() - begin < 5
    timer.join()
