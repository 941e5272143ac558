"""``liveshop worker``: fold, store, show."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from agents.stores import open_store
from agents.waiting import until_there
from liveshop.commands.options import Brokers, Partitions, Port, StoreAddress
from liveshop.console import note, tell
from liveshop.credentials import (
    EXPOSED,
    http_token,
    is_exposed,
    kafka_security,
    store_address,
)
from liveshop.logs import WorkerLog
from liveshop.ports import need_port
from liveshop.settings import Settings, load_settings
from liveshop.signals import ending_by, run_interruptibly
from liveshop.stores import open_reader
from producers.topics import ensure_topics
from schemas.store import Store

if TYPE_CHECKING:
    from agents.live.server import LiveServer


def worker(
    brokers: Brokers = None,
    store: StoreAddress = None,
    group: Annotated[
        str | None, typer.Option(help="consumer group; workers of one group share the work")
    ] = None,
    partitions: Partitions = None,
    host: Annotated[str | None, typer.Option(help="address of the live page")] = None,
    port: Port = None,
) -> None:
    """Fold what is in Kafka into the store, and serve the live page, until stopped.

    Ctrl-C says that the show is over, and open pages keep the last figures; SIGTERM says that
    another worker takes over, and they wait for it.
    """
    settings = load_settings(
        brokers=brokers, store=store, group=group, partitions=partitions, host=host, port=port
    )
    # A setting that cannot be is said before anything is touched.
    settings.policy()
    http_token(settings)
    log = WorkerLog(settings.log_level)
    need_port(settings.host, settings.port)
    if is_exposed(settings):
        tell(EXPOSED)
    run_interruptibly(_work(settings, log))


async def _work(settings: Settings, log: WorkerLog) -> None:
    security = kafka_security(settings)
    await until_there(
        lambda: ensure_topics(settings.brokers, settings.asked_partitions, security=security),
        settings.start_wait_s,
    )
    writer = open_store(store_address(settings))
    try:
        await _fold(settings, log, writer)
    finally:
        writer.close()


async def _fold(settings: Settings, log: WorkerLog, writer: Store) -> None:
    # Here, because Faust takes a second to load: what a user can get wrong is said before.
    from agents.worker import Worker
    from liveshop.worker_config import worker_config

    worker = Worker(worker_config(settings), writer, open_reader(writer, store_address(settings)))
    stop = asyncio.Event()

    def end(number: signal.Signals) -> None:
        worker.show_is_over = number == signal.SIGINT
        stop.set()

    def announce(server: LiveServer) -> None:
        log.with_libraries = True
        note(f"live page: http://localhost:{server.port}")

    with ending_by(end):
        await worker.run(stop, announce)
