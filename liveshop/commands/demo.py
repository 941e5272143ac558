"""``liveshop demo``: the whole path on this machine, ending with its own proof."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from liveshop.commands.options import AsJson, Brokers, Partitions, ProfileName, Scale, Seed, Speed
from liveshop.commands.options import StoreAddress as StoreOption
from liveshop.commands.reconcile import show_differences
from liveshop.commands.replay import describe
from liveshop.console import meter, note, say
from liveshop.drain import Lag, drain
from liveshop.embedded.rundir import run_directory
from liveshop.embedded.stack import Stack
from liveshop.reconcile import Reconciliation, reconcile
from liveshop.settings import Settings, load_settings
from liveshop.signals import run_interruptibly
from liveshop.stores import reading
from producers.generator import Show
from producers.pacing import Schedule
from producers.profile_files import load_profile
from producers.publisher import Publisher
from producers.replay import Progress, ReplayResult, replay
from producers.topics import ensure_topics
from reports import list_rooms, report
from schemas.errors import Unavailable

_DRAIN_LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class _Plan:
    show: Show
    schedule: Schedule
    duration_s: float
    settings: Settings
    workers: int


def demo(
    profile: ProfileName = "xinba-12h",
    seed: Seed = 1,
    scale: Scale = 1.0,
    speed: Speed = None,
    duration: Annotated[
        float, typer.Option("--duration", metavar="S", help="wall seconds of the show")
    ] = 120.0,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", metavar="DIR", help="where runs are kept")
    ] = None,
    port: Annotated[int | None, typer.Option(help="port of the live page")] = None,
    workers: Annotated[int, typer.Option(min=1, help="worker processes (needs --store)")] = 1,
    partitions: Partitions = None,
    brokers: Brokers = None,
    store: StoreOption = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="no progress on the terminal")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Replay a show end to end on this machine, live, and prove the totals at the end."""
    settings = load_settings(data_dir=data_dir, port=port, partitions=partitions)
    show = Show(load_profile(profile), seed=seed, scale=scale)
    schedule = Schedule(show.default_speed if speed is None else speed)
    plan = _Plan(show, schedule, duration, settings, workers)
    _need_port(settings.host, settings.port)
    with (
        run_directory(settings.data_dir) as directory,
        Stack(directory, brokers, store, settings.partitions) as stack,
    ):
        sent = run_interruptibly(_run(plan, stack, quiet=headless))
        (directory / "truth.json").write_bytes(sent.truth.to_json())
        result = _prove(stack, sent, directory)
    if as_json:
        say(result.to_json().decode())
    else:
        _summarise(sent, result, directory)
        show_differences(result)
    say(result.line())
    raise typer.Exit(0 if result.is_exact else 1)


def _need_port(host: str, port: int) -> None:
    """Refuse early, before anything is started."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise Unavailable(
                f"Port {port} is in use.", "Name another one for the live page with --port."
            ) from None


async def _run(plan: _Plan, stack: Stack, *, quiet: bool) -> ReplayResult:
    await ensure_topics(stack.brokers, stack.partitions)
    for number in range(plan.workers):
        stack.add_worker(plan.settings.port + number)
    await asyncio.gather(*(worker.ready() for worker in stack.workers))
    note(f"live page: [link]http://localhost:{plan.settings.port}[/link]")
    work = asyncio.create_task(_replay_and_drain(plan, stack, quiet=quiet))
    keeper = asyncio.create_task(_keep_alive(stack))
    try:
        done, _ = await asyncio.wait({work, keeper}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {work}:
            task.result()
        return work.result()
    finally:
        keeper.cancel()
        work.cancel()
        await asyncio.gather(keeper, work, return_exceptions=True)


async def _keep_alive(stack: Stack) -> None:
    while True:
        await asyncio.sleep(0.5)
        stack.check()


async def _replay_and_drain(plan: _Plan, stack: Stack, *, quiet: bool) -> ReplayResult:
    async with Publisher(stack.brokers) as publisher:
        with _bar("replaying", plan.duration_s, quiet=quiet) as to:

            def on_progress(progress: Progress) -> None:
                to(progress.elapsed_s, describe(progress))

            sent = await replay(plan.show, publisher, plan.schedule, plan.duration_s, on_progress)
    async with Lag(stack.brokers, plan.settings.group) as lag:
        with _bar("draining", None, quiet=quiet) as to:
            await drain(
                lag, _DRAIN_LIMIT_S, publisher.ends, lambda left: to(0, f"{left:,} records left")
            )
    return sent


@contextmanager
def _bar(title: str, total: float | None, *, quiet: bool) -> Iterator[Callable[[float, str], None]]:
    if quiet:
        yield lambda done, text: None
        return
    with meter(title, total) as bar:
        yield bar.to


def _prove(stack: Stack, sent: ReplayResult, directory: Path) -> Reconciliation:
    """Let the workers leave, then compare, and write the report of the biggest room."""
    began = time.monotonic()
    codes = stack.stop_workers()
    if any(codes):
        note(f"workers ended with {codes}")
    with reading(stack.store) as store:
        result = reconcile(store, sent.truth)
        rooms = list_rooms(store)
        if rooms:
            best = max(rooms, key=lambda room: room.orders)
            page = report(store, best.room_id, "html")
            (directory / "report.html").write_text(str(page), encoding="utf-8")
    note(f"proved in {time.monotonic() - began:.1f} s")
    return result


def _summarise(sent: ReplayResult, result: Reconciliation, directory: Path) -> None:
    accounts = result.accounts
    say(
        f"sent {sum(sent.sent.values()):,} records in {sent.seconds:.1f} s: "
        f"{accounts['folded']:,} folded ({accounts['late']:,} late), "
        f"{accounts['duplicates']:,} duplicates, {accounts['dead_lettered']:,} dead letters, "
        f"{accounts['unaccounted']:,} unaccounted"
    )
    say(f"{result.compared:,} figures compared with the truth, {len(result.differences)} differ")
    say(f"report: {directory / 'report.html'}")
