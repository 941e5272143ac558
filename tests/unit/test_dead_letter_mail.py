"""Dead letters on their topic, and the ones that are too large for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError, MessageSizeTooLargeError

from agents.deadletters import CUT_KEY_BYTES, CUT_VALUE_BYTES, MAX_REQUEST_BYTES, DeadLetterMail
from streams.fold import DeadLetter

Landed = list[tuple[bytes | None, bytes | None, dict[str, bytes]]]


class Topic:
    """A topic whose broker takes records up to a size."""

    def __init__(self, limit: int = MAX_REQUEST_BYTES, error: Exception | None = None) -> None:
        self.landed: Landed = []
        self._limit = limit
        self._error = error

    async def send(
        self,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: dict[str, bytes],
        timestamp: float,
    ) -> Awaitable[Any]:
        assert timestamp == 1.0, "the record's, for ours may be refused"
        assert len(key or b"") + len(value or b"") < MAX_REQUEST_BYTES
        receipt = asyncio.get_running_loop().create_future()
        if self._error:
            receipt.set_exception(self._error)
        elif len(value or b"") > self._limit:
            receipt.set_exception(MessageSizeTooLargeError())
        else:
            self.landed.append((key, value, headers))
            receipt.set_result(None)
        return receipt


def letter(value: bytes | None, key: bytes | None = b"room") -> DeadLetter:
    return DeadLetter(7, 1_000, "not_json", "it is not", key, value)


async def mailed(topic: Topic, *letters: DeadLetter) -> Landed:
    mail = DeadLetterMail(topic.send)
    for one in letters:
        await mail.post("live.chat", "3", one)
    await mail.delivered()
    return topic.landed


HEADERS = {"topic": b"live.chat", "partition": b"3", "offset": b"7", "reason": b"not_json"}


async def test_letter_carries_its_bytes_its_place_and_its_reason() -> None:
    found = await mailed(Topic(), letter(b"\xff"), letter(None, None))
    assert found == [(b"room", b"\xff", HEADERS), (None, None, HEADERS)]


async def test_letter_that_the_broker_finds_too_large_is_sent_again_cut() -> None:
    value = b"x" * 1_100_000
    found = await mailed(Topic(limit=1_000_000), letter(value), letter(b"small"))
    size = str(len(value) + len(b"room")).encode()
    assert found == [
        (b"room", b"small", HEADERS),
        (b"room", value[:CUT_VALUE_BYTES], {**HEADERS, "cut_from": size}),
    ]


async def test_letter_that_the_worker_itself_may_not_send_is_cut_at_once() -> None:
    key, value = b"k" * MAX_REQUEST_BYTES, b"x" * MAX_REQUEST_BYTES
    ((cut_key, cut_value, headers),) = await mailed(Topic(), letter(value, key))
    assert (cut_key, cut_value) == (key[:CUT_KEY_BYTES], value[:CUT_VALUE_BYTES])
    assert headers["cut_from"] == str(2 * MAX_REQUEST_BYTES).encode()


async def test_any_other_refusal_stops_the_flush() -> None:
    with pytest.raises(KafkaTimeoutError):
        await mailed(Topic(error=KafkaTimeoutError()), letter(b"x"))
