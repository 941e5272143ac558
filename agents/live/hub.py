"""One snapshot per second, shared by everybody who watches.

Nothing is queued: a watcher asks for whatever is newest, so a slow one skips snapshots and costs
no memory. The store is asked at most once per interval, and not at all while nobody looks.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

import orjson

from agents.live.figures import FiguresSource
from schemas.store import StoreError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Message:
    """One server-sent event.

    Attributes:
        event: ``snapshot`` (figures), ``trouble`` (a sentence instead of figures) or ``ended``
            (the last figures there will be).
        data: JSON without line breaks.
    """

    event: Literal["snapshot", "trouble", "ended"]
    data: bytes

    @property
    def wire(self) -> bytes:
        """The event as it goes over the wire."""
        return b"event: %b\ndata: %b\n\n" % (self.event.encode(), self.data)


class Hub:
    """Takes snapshots from a source and hands the newest one to all watchers.

    Args:
        source: where snapshots come from; never asked twice at once.
        interval_s: the least time between the starts of two questions, in seconds.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        source: FiguresSource,
        interval_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._interval_s = interval_s
        self._clock = clock
        self._asking = asyncio.Lock()
        self._due_at = clock()
        self._newest: Message | None = None
        self._published = asyncio.Event()
        self._watched = asyncio.Event()
        self._watchers = 0
        self._closed = False
        self._task: asyncio.Task[None] | None = None

    @property
    def watchers(self) -> int:
        """How many streams are open."""
        return self._watchers

    def start(self) -> None:
        """Begin to take snapshots whenever somebody watches."""
        self._task = asyncio.create_task(self._run(), name="live-hub")

    async def stop(self, *, final: bool = False) -> None:
        """End all streams.

        Args:
            final: take one last, complete snapshot and send it as the end of the show, so that
                pages keep it and do not reconnect.
        """
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        self._closed = True
        if final and self._watchers:
            async with self._asking:
                last = await self._ask(complete=True)
                self._publish(Message("ended", last.data) if last.event == "snapshot" else last)
        self._published.set()

    async def now(self) -> Message:
        """Return the newest message, asking the source if it is older than the interval."""
        async with self._asking:
            newest = self._newest
            if newest is None or (self._clock() >= self._due_at and not self._closed):
                self._due_at = self._clock() + self._interval_s
                newest = await self._ask(complete=False)
                self._publish(newest)
            return newest

    @contextmanager
    def watch(self) -> Iterator[AsyncIterator[Message]]:
        """Count as a watcher; the iterator yields the newest message whenever there is a new one.

        It ends when the hub is stopped.
        """
        self._watchers += 1
        self._watched.set()
        try:
            yield self._messages()
        finally:
            self._watchers -= 1
            if not self._watchers:
                self._watched.clear()

    async def _messages(self) -> AsyncIterator[Message]:
        seen = await self.now()
        yield seen
        while True:
            if self._newest is not None and self._newest is not seen:
                seen = self._newest
                yield seen
            elif self._closed:
                return
            else:
                await self._published.wait()

    async def _run(self) -> None:
        while True:
            await self._watched.wait()
            await self.now()
            await asyncio.sleep(max(self._due_at - self._clock(), 0.0))

    async def _ask(self, *, complete: bool) -> Message:
        try:
            snapshot = await self._source.snapshot(complete=complete)
        except StoreError as error:
            logger.warning("no figures for the live page: %s", error)
        except Exception:
            # A defect in a figure must neither end the worker nor freeze the page in silence.
            logger.exception("no figures for the live page")
        else:
            return Message("snapshot", orjson.dumps(snapshot))
        sentence = "the store does not answer; these are the last figures it gave"
        return Message("trouble", orjson.dumps({"sentence": sentence}))

    def _publish(self, message: Message) -> None:
        self._newest = message
        # Those who wait are woken; those who come later wait for the next message.
        self._published.set()
        self._published = asyncio.Event()
