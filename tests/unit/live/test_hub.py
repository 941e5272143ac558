from __future__ import annotations

import asyncio
import logging

import orjson
import pytest

from agents.live.hub import Hub, Message
from schemas.store import StoreUnavailable
from tests.fixtures.live_source import CountingSource

INTERVAL_S = 0.05


async def test_twenty_watchers_cost_one_question_per_interval() -> None:
    source = CountingSource()
    hub = Hub(source, INTERVAL_S)
    hub.start()

    async def watch(count: int) -> list[bytes]:
        with hub.watch() as messages:
            seen: list[bytes] = []
            async for message in messages:
                seen.append(message.data)
                if len(seen) == count:
                    break
        return seen

    started = asyncio.get_running_loop().time()
    everything = await asyncio.gather(*(watch(5) for _ in range(20)))
    intervals = (asyncio.get_running_loop().time() - started) / INTERVAL_S
    await hub.stop()
    assert 5 <= source.asked <= intervals + 1
    assert all(seen == everything[0] for seen in everything)


async def test_nobody_watching_asks_nothing() -> None:
    source = CountingSource()
    hub = Hub(source, INTERVAL_S)
    hub.start()
    await asyncio.sleep(4 * INTERVAL_S)
    assert source.asked == 0
    with hub.watch() as messages:
        await anext(messages)
    await asyncio.sleep(2 * INTERVAL_S)
    asked = source.asked
    await asyncio.sleep(4 * INTERVAL_S)
    await hub.stop()
    assert source.asked == asked


async def test_asking_often_for_the_newest_message_asks_the_source_once_per_interval() -> None:
    source = CountingSource()
    hub = Hub(source, interval_s=60.0)
    answers = await asyncio.gather(*(hub.now() for _ in range(50)))
    assert source.asked == 1
    assert len(set(answers)) == 1


async def test_a_slow_watcher_skips_to_the_newest_message() -> None:
    source = CountingSource()
    hub = Hub(source, INTERVAL_S)
    hub.start()
    with hub.watch() as messages:
        first = await anext(messages)
        await asyncio.sleep(5 * INTERVAL_S)
        second = await anext(messages)
    await hub.stop()
    sequence = [orjson.loads(message.data)["as_of_ms"] for message in (first, second)]
    assert sequence[0] == 1
    assert sequence[1] >= 4


async def test_a_store_that_does_not_answer_is_said_and_asked_again() -> None:
    source = CountingSource(failures=[StoreUnavailable("gone")])
    hub = Hub(source, INTERVAL_S)
    hub.start()
    with hub.watch() as messages:
        events = [(await anext(messages)).event for _ in range(2)]
    await hub.stop()
    assert events == ["trouble", "snapshot"]


async def test_a_defect_in_a_figure_is_logged_with_its_traceback_and_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hub = Hub(CountingSource(failures=[KeyError("orders")]), INTERVAL_S)
    with caplog.at_level(logging.ERROR):
        message = await hub.now()
    assert message.event == "trouble"
    assert caplog.records[0].exc_info


async def test_the_end_of_the_show_carries_the_complete_last_figures() -> None:
    source = CountingSource()
    hub = Hub(source, interval_s=60.0)
    hub.start()
    seen: list[Message] = []

    async def watch() -> None:
        with hub.watch() as messages:
            async for message in messages:
                seen.append(message)

    watcher = asyncio.create_task(watch())
    await asyncio.sleep(0.01)
    await hub.stop(final=True)
    await watcher
    assert [message.event for message in seen] == ["snapshot", "ended"]
    assert source.complete == [False, True]
    assert orjson.loads(seen[1].data)["as_of_ms"] == 2


async def test_stopping_for_a_restart_ends_the_streams_without_a_farewell() -> None:
    hub = Hub(CountingSource(), interval_s=60.0)
    hub.start()
    with hub.watch() as messages:
        await anext(messages)
        await hub.stop()
        assert [message async for message in messages] == []
