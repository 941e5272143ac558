"""After a rebalance only what is durable is acknowledged, not what is merely folded."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace

import pytest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from agents.transport import Consumer

CHAT, LIKES = TP("live.chat", 0), TP("live.likes", 0)


async def _acknowledged_after_seeking(
    monkeypatch: pytest.MonkeyPatch, positions: dict[TP, int], flushed: dict[TP, int]
) -> dict[TP, int]:
    consumer = Consumer.__new__(Consumer)
    consumer.transport = SimpleNamespace(positions=SimpleNamespace(flushed=flushed))
    consumer._read_offset = defaultdict(lambda: None)
    consumer._committed_offset = {}
    consumer._in_kafka = dict.fromkeys(positions)

    async def perform_seek(_: object) -> None:
        consumer._read_offset.update(positions)

    monkeypatch.setattr(driver.Consumer, "perform_seek", perform_seek)
    await consumer.perform_seek()
    return consumer._acknowledged


async def test_records_that_are_folded_and_not_durable_are_not_acknowledged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    acknowledged = await _acknowledged_after_seeking(monkeypatch, {CHAT: 90}, {CHAT: 50})
    assert acknowledged == {CHAT: 50}


async def test_a_checkpoint_that_kafka_knows_nothing_of_is_acknowledged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    positions = flushed = {CHAT: 90, LIKES: 0}
    assert await _acknowledged_after_seeking(monkeypatch, positions, flushed) == {CHAT: 90}
