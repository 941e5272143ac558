"""A signal ends synchronous and asynchronous work in good order."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from liveshop import signals
from liveshop.signals import Interrupted, ending_by, run_interruptibly, stop_if_asked, watch_signals


@pytest.fixture(autouse=True)
def _untouched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As a fresh process would find it, and as it was afterwards."""
    before = {number: signal.getsignal(number) for number in signals.SIGNALS}
    monkeypatch.setattr(signals, "_watch", signals._Watch())
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def _send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


def _send_and_wait(number: signal.Signals) -> None:
    _send(number)
    time.sleep(1)


@pytest.mark.parametrize("number", signals.SIGNALS)
def test_synchronous_work_is_interrupted(number: signal.Signals) -> None:
    watch_signals()
    with pytest.raises(Interrupted) as caught:
        _send_and_wait(number)
    assert caught.value.number == number


@pytest.mark.parametrize("number", signals.SIGNALS)
def test_asynchronous_work_is_cancelled_and_may_clean_up(number: signal.Signals) -> None:
    cleaned = []

    async def work() -> None:
        try:
            _send(number)
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    with pytest.raises(Interrupted) as caught:
        run_interruptibly(work())
    assert caught.value.number == number
    assert cleaned == [True]


def test_work_that_ends_in_its_own_way_keeps_its_result() -> None:
    async def work() -> str:
        stop = asyncio.Event()
        with ending_by(lambda _: stop.set()):
            _send(signal.SIGINT)
            await stop.wait()
        return "what was done until then"

    assert run_interruptibly(work()) == "what was done until then"
    with pytest.raises(Interrupted):
        stop_if_asked()


def test_work_that_nobody_interrupts_is_left_alone() -> None:
    async def work() -> int:
        return 42

    assert run_interruptibly(work()) == 42
    stop_if_asked()


def test_a_cancellation_of_another_kind_is_no_interruption() -> None:
    async def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run_interruptibly(work())


def test_a_second_wish_ends_the_process_on_the_spot() -> None:
    program = (
        "import os, signal, time\n"
        "from liveshop.signals import watch_signals, Interrupted\n"
        "watch_signals()\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "except Interrupted:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"  # the same wish, passed on twice
        "    time.sleep(1.1)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    time.sleep(10)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, timeout=10)
    assert done.returncode == 128 + signal.SIGTERM
