"""A broker or store that is away when a worker starts is waited for, and not for ever."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import faust
import pytest
from aiokafka.errors import KafkaConnectionError
from faust.transport.drivers import aiokafka as driver

from agents import waiting
from agents.transport import Producer, Transport, rest_while_away
from agents.waiting import until_there
from schemas.errors import Unavailable, UsageError


class Away:
    """Fails some times before it succeeds."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.attempts = 0

    async def __call__(self) -> str:
        self.attempts += 1
        if self.attempts <= self.times:
            raise Unavailable("Nobody answers.", "Start it.")
        return "there"


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_PAUSE_S", 0.001)
    monkeypatch.setattr(waiting, "_LONGEST_PAUSE_S", 0.002)


async def test_what_comes_back_is_waited_for_and_that_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    away = Away(5)
    assert await until_there(away, 60.0) == "there"
    assert away.attempts == 6
    (said,) = [record for record in caplog.records if record.name == "agents.waiting"]
    assert said.getMessage() == "Nobody answers. Waiting for it, at most 60 s."
    assert said.levelno == logging.WARNING


async def test_what_does_not_come_back_is_given_up() -> None:
    away = Away(10_000)
    with pytest.raises(Unavailable, match="Nobody answers"):
        await until_there(away, 0.05)
    assert away.attempts > 2


async def test_nobody_waits_once_it_is_over_or_without_leave_to() -> None:
    for how in ({"limit_s": 0.0}, {"limit_s": 60.0, "is_over": lambda: True}):
        away = Away(1)
        with pytest.raises(Unavailable):
            await until_there(away, **how)
        assert away.attempts == 1


async def test_a_mistake_is_not_waited_out() -> None:
    async def wrong() -> None:
        raise UsageError("No such thing.", "Name another.")

    with pytest.raises(UsageError):
        await until_there(wrong, 60.0)


async def test_faust_connects_once_the_broker_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[Any] = []

    async def connect(producer: Any) -> None:
        async def stop() -> None:
            stopped.append(producer)

        producer._producer = SimpleNamespace(stop=stop)
        if len(stopped) < 3:
            raise KafkaConnectionError("Unable to bootstrap")

    monkeypatch.setattr(driver.Producer, "on_start", connect)
    app = faust.App("waits", broker="liveshop://127.0.0.1:1", loop=None)
    link: Transport = app.transport
    link.start_wait_s = 60.0
    producer = Producer.__new__(Producer)
    producer.transport = link
    await producer.on_start()
    assert len(stopped) == 3

    stopped.clear()
    link.give_up.set()
    with pytest.raises(Unavailable, match=r"No Kafka broker answers at 127\.0\.0\.1:1\."):
        await producer.on_start()


async def test_a_client_that_finds_no_broker_rests_before_it_looks_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rests: list[float] = []

    async def sleep(seconds: float) -> None:
        rests.append(seconds)

    async def look(*_: object) -> bool:
        return finds

    monkeypatch.setattr(asyncio, "sleep", sleep)
    client = SimpleNamespace(_metadata_update=look)
    rest_while_away(client)
    finds = True
    assert await client._metadata_update("cluster", "topics")
    assert rests == []
    finds = False
    assert not await client._metadata_update("cluster", "topics")
    assert rests == [0.5]
