"""Puts dead letters on their topic: the raw bytes, with headers that say where they stood and why.

The topic is a copy for whoever wants to listen; the table ``dead_letter`` holds every letter in
whole. So a letter that the broker finds too large (its limit may be lower than that of the topic
the record stood on, and the record may have been compressed there) is sent again with the
beginning of its bytes, and its size in the header ``cut_from``. It must not stop the worker: it
would come again after every restart.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiokafka.errors import MessageSizeTooLargeError

from agents.stamps import stamp
from streams.fold import DeadLetter

#: The largest request that the worker's producer sends.
MAX_REQUEST_BYTES: Final = 4 * 1024 * 1024
#: What remains of a letter that is too large.
CUT_VALUE_BYTES: Final = 64 * 1024
CUT_KEY_BYTES: Final = 1024
#: More than key, headers and the record's own frame need beside a value.
_FRAME_BYTES: Final = 4 * 1024

#: Hands over ``key``, ``value``, ``headers`` and ``timestamp``; returns what to wait for.
Send = Callable[..., Awaitable[Awaitable[Any]]]


class DeadLetterMail:
    """The dead letters of one flush.

    Args:
        send: ``send`` of the topic.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._posted: list[tuple[str, str, DeadLetter, Awaitable[Any]]] = []

    async def post(self, topic: str, partition: str, letter: DeadLetter) -> None:
        """Hand one letter over."""
        size = len(letter.value or b"") + len(letter.key or b"")
        if size > MAX_REQUEST_BYTES - _FRAME_BYTES:
            receipt = await self._hand_over(topic, partition, _cut(letter), cut_from=size)
        else:
            receipt = await self._hand_over(topic, partition, letter)
        self._posted.append((topic, partition, letter, receipt))

    async def delivered(self) -> None:
        """Wait until the broker has every letter.

        Raises:
            aiokafka.errors.KafkaError: it refuses one for another reason than its size.
        """
        for topic, partition, letter, receipt in self._posted:
            try:
                await receipt
            except MessageSizeTooLargeError:
                size = len(letter.value or b"") + len(letter.key or b"")
                await (await self._hand_over(topic, partition, _cut(letter), cut_from=size))

    async def _hand_over(
        self, topic: str, partition: str, letter: DeadLetter, cut_from: int | None = None
    ) -> Awaitable[Any]:
        headers = {
            "topic": topic.encode(),
            "partition": partition.encode(),
            "offset": str(letter.offset).encode(),
            "reason": letter.reason.encode(),
        }
        if cut_from is not None:
            headers["cut_from"] = str(cut_from).encode()
        return await self._send(
            key=letter.key,
            value=letter.value,
            headers=headers,
            timestamp=stamp(letter.appended_ms),
        )


def _cut(letter: DeadLetter) -> DeadLetter:
    return letter._replace(
        key=letter.key and letter.key[:CUT_KEY_BYTES],
        value=letter.value and letter.value[:CUT_VALUE_BYTES],
    )
