"""``liveshop worker``: fold, store, show."""

from __future__ import annotations

import asyncio
import logging
import signal
from functools import partial
from typing import Annotated

import typer

from agents.live.server import LiveServer
from agents.stores import open_store
from agents.worker import Worker
from liveshop.commands.options import Brokers, Partitions, StoreAddress
from liveshop.console import note
from liveshop.settings import Settings, load_settings
from liveshop.stores import open_reader
from producers.topics import ensure_topics


def worker(
    brokers: Brokers = None,
    store: StoreAddress = None,
    group: Annotated[
        str | None, typer.Option(help="consumer group; workers of one group share the work")
    ] = None,
    partitions: Partitions = None,
    host: Annotated[str | None, typer.Option(help="address of the live page")] = None,
    port: Annotated[int | None, typer.Option(help="port of the live page; 0: any free one")] = None,
) -> None:
    """Fold what is in Kafka into the store, and serve the live page, until stopped.

    Ctrl-C says that the show is over, and open pages keep the last figures; SIGTERM says that
    another worker takes over, and they wait for it.
    """
    settings = load_settings(
        brokers=brokers, store=store, group=group, partitions=partitions, host=host, port=port
    )
    logging.basicConfig(
        level=settings.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    asyncio.run(_work(settings, partitions))


async def _work(settings: Settings, partitions: int | None) -> None:
    await ensure_topics(settings.brokers, partitions)
    writer = open_store(settings.store)
    try:
        worker = Worker(settings.worker(), writer, open_reader(writer, settings.store))
        stop, loop = asyncio.Event(), asyncio.get_running_loop()

        def end(*, show_is_over: bool) -> None:
            worker.show_is_over = show_is_over
            stop.set()

        loop.add_signal_handler(signal.SIGINT, partial(end, show_is_over=True))
        loop.add_signal_handler(signal.SIGTERM, partial(end, show_is_over=False))
        await worker.run(stop, _announce)
    finally:
        writer.close()


def _announce(server: LiveServer) -> None:
    note(f"live page: http://localhost:{server.port}")
