"""A commit during a rebalance would make the group rebalance again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from faust.transport.drivers import aiokafka as driver

from agents.transport import Consumer


def _consumer(monkeypatch: pytest.MonkeyPatch, *, rebalancing: bool) -> tuple[Consumer, list[Any]]:
    commits: list[Any] = []

    async def commit(_: object, topics: object = None, start_new_transaction: bool = True) -> bool:
        commits.append((topics, start_new_transaction))
        return True

    monkeypatch.setattr(driver.Consumer, "commit", commit)
    consumer = Consumer.__new__(Consumer)
    consumer.app = SimpleNamespace(rebalancing=rebalancing)
    return consumer, commits


async def test_nothing_is_committed_while_the_group_is_rebalancing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    consumer, commits = _consumer(monkeypatch, rebalancing=True)
    assert not await consumer.commit()
    assert commits == []


async def test_afterwards_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer, commits = _consumer(monkeypatch, rebalancing=False)
    assert await consumer.commit({"live.chat"})
    assert commits == [({"live.chat"}, True)]
