"""Faults of the world around a worker: it waits, loses nothing, and goes on by itself."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from aiokafka.partitioner import DefaultPartitioner

from benchmarks.worker_watch import read_metrics
from liveshop.drain import Lag, drain
from liveshop.embedded.clickhouse_server import ClickHouseServer
from liveshop.embedded.kafka_server import KafkaServer
from liveshop.embedded.process import free_port
from liveshop.embedded.stack import Stack
from liveshop.embedded.workers import WorkerProcess
from liveshop.reconcile import reconcile
from liveshop.stores import reading
from producers.generator import Show
from producers.profile_files import load_profile
from producers.publisher import Publisher
from producers.recount import Counter
from producers.topics import ensure_topics
from tests.fixtures.clickhouse import need_clickhouse
from tests.fixtures.slow_line import slow_line
from tests.integration.harness import QUICK, assert_exact, run_show

pytestmark = [pytest.mark.embedded, pytest.mark.clickhouse, pytest.mark.timeout(240)]

_WAIT_S = 60.0
#: So little that a store which is slow for seconds fills it.
_TIGHT = {"LIVESHOP_MAX_UNFLUSHED": "4000", "LIVESHOP_MAX_BUFFERED": "1000"}


def _show(seed: int) -> Show:
    return Show(load_profile("xinba-12h"), seed=seed)


async def until(found: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is found to be so."""
    async with asyncio.timeout(_WAIT_S):
        while not await found():  # noqa: ASYNC110 - other processes offer no event
            await asyncio.sleep(0.1)


async def metric(worker: WorkerProcess, name: str) -> float:
    """A metric of the worker, summed over its labels."""
    found = await asyncio.to_thread(read_metrics, worker.port)
    return found.get(f"liveshop_{name}", 0.0)


# --- the store -----------------------------------------------------------------------------------


def test_a_store_that_is_slow_and_then_stands_still_holds_the_worker_back_and_no_more(
    tmp_path: Path, own_clickhouse_server: ClickHouseServer
) -> None:
    server = own_clickhouse_server
    workers: list[WorkerProcess] = []
    held: list[float] = []

    async def stand_still(stack: Stack) -> None:
        workers.extend(stack.workers)

        async def has_stored() -> bool:
            return await metric(workers[0], "flush_seconds_sum") > 0.5

        await until(has_stored)
        flushes = await metric(workers[0], "flush_seconds_count")
        assert await metric(workers[0], "flush_seconds_sum") > 0.1 * flushes, "the line is not slow"
        server.freeze()
        await asyncio.sleep(3)
        for _ in range(3):
            held.append(await metric(workers[0], "unflushed_records"))
            await asyncio.sleep(0.3)
        server.thaw()

    with slow_line(server.tcp_port, 0.02) as port:
        outcome = run_show(
            tmp_path,
            _show(1),
            store=f"clickhouse://127.0.0.1:{port}/slow",
            speed=120,
            duration_s=4,
            env=_TIGHT,
            disturb=stand_still,
        )
    assert_exact(outcome)
    assert workers[0].restarts == 0
    # Twice the bound: what the flush under way holds, and what was folded since. More was sent.
    assert held[0] == held[1] == held[2]
    assert 4_000 < held[0] < 12_000 < outcome.sent.truth.sent.records / 2


@contextmanager
def small_disk(directory: Path) -> Iterator[Path]:
    """A file system of 48 MB and 4,000 files; skips the test where none may be mounted."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("needs root, to mount a small file system")
    directory.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m,nr_inodes=4000", "tmpfs", str(directory)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"may not mount a small file system: {mounted.stderr.strip()}")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def fill_with_bytes(directory: Path) -> None:
    """Leave no byte; the server cannot write to a file."""
    with (directory / "ballast").open("ab", buffering=0) as file, suppress(OSError):
        while file.write(bytes(65_536)):
            pass


def fill_with_files(directory: Path) -> None:
    """Leave no inode; the server cannot make a directory, and says so in other words."""
    many = directory / "many"
    many.mkdir(exist_ok=True)
    with suppress(OSError):
        for number in count(len(list(many.iterdir()))):
            (many / str(number)).touch()


def test_a_worker_waits_while_the_disk_of_the_store_is_full(tmp_path: Path) -> None:
    need_clickhouse()
    workers: list[WorkerProcess] = []

    async def fill_up(stack: Stack) -> None:
        workers.extend(stack.workers)
        for fill, words in ((fill_with_bytes, "error 75:"), (fill_with_files, "error 1000:")):
            await asyncio.sleep(1.5)

            async def has_failed(fill: Callable[[Path], None] = fill, words: str = words) -> bool:
                fill(disk)  # Again, for the server clears up old parts meanwhile.
                return words in workers[0].child.tail(10)

            await until(has_failed)
            await asyncio.sleep(1)
            (disk / "ballast").unlink(missing_ok=True)
            shutil.rmtree(disk / "many", ignore_errors=True)

    with small_disk(tmp_path / "disk") as disk, ClickHouseServer(disk / "store") as server:
        outcome = run_show(
            tmp_path, _show(3), store=server.dsn("full"), speed=60, duration_s=8, disturb=fill_up
        )
    assert_exact(outcome)
    assert workers[0].restarts == 0


# --- the broker ----------------------------------------------------------------------------------


@pytest.mark.kafka
def test_a_broker_that_refuses_for_longer_than_a_session_is_waited_for(
    tmp_path: Path, own_kafka_server: KafkaServer, clickhouse_dsn: str
) -> None:
    broker = own_kafka_server
    workers: list[WorkerProcess] = []
    written: list[int] = []

    async def refuse(stack: Stack) -> None:
        workers.extend(stack.workers)
        log = workers[0].child.log
        await asyncio.sleep(3)
        broker.stop()
        before = log.stat().st_size
        await asyncio.sleep(9)
        written.append(log.stat().st_size - before)
        broker.launch()
        await asyncio.to_thread(broker.wait)

    outcome = run_show(
        tmp_path,
        _show(4),
        brokers=broker.address,
        store=clickhouse_dsn,
        speed=60,
        duration_s=14,
        disturb=refuse,
    )
    assert_exact(outcome)
    assert workers[0].restarts == 0
    assert written[0] < 20_000, "a log that fills a disk is a fault of its own"


def test_a_partition_without_events_holds_nobody_back_and_is_not_late_when_they_come(
    tmp_path: Path, clickhouse_dsn: str
) -> None:
    partitioner = DefaultPartitioner()
    halves: tuple[list[Any], list[Any]] = ([], [])
    counter = Counter()
    show = _show(5)
    for record in show.records(show.start_ms + 240_000):
        counter.count(record)
        halves[partitioner(record.key, [0, 1], None)].append(record)

    async def run(stack: Stack) -> None:
        await ensure_topics(stack.brokers, 2)
        worker = stack.add_worker(free_port(), QUICK)
        await worker.ready()
        async with Publisher(stack.brokers) as publisher, Lag(stack.brokers, "liveshop") as lag:
            await publisher.send(halves[0])
            await publisher.flush()
            assert {partition for _, partition in publisher.ends} == {0}
            await drain(lag, _WAIT_S, publisher.ends)
            with reading(stack.store) as store:
                assert store.query("SELECT sum(orders) AS n FROM sales_window FINAL")[0]["n"] > 0
            flushes = await metric(worker, "flush_seconds_count")
            assert flushes > 0
            # The others are four minutes ahead of what comes now.
            await publisher.send(halves[1])
            await publisher.flush()
            await drain(lag, _WAIT_S, publisher.ends)

    with Stack(tmp_path, None, clickhouse_dsn, 2) as stack:
        asyncio.run(run(stack))
        assert stack.stop_workers() == [0]
        truth = counter.book.truth(
            source=show.name, seed=5, scale=1.0, start_ms=show.start_ms, end_ms=show.start_ms
        )
        with reading(stack.store) as store:
            result = reconcile(store, truth)
            late = store.query("SELECT sum(late) AS n FROM pipeline WHERE kafka_partition = 1")
    assert result.differences == []
    assert 0 < late[0]["n"] < 0.03 * len(halves[1])


# --- the clock -----------------------------------------------------------------------------------


#: Loaded by Python before anything of ours: the wall clock is off by what stands in a file. The
#: monotonic clock is not touched, as when somebody sets the time.
_OFF = """
import os, time
from pathlib import Path
file, true_ns = Path(os.environ["CLOCK_OFF_BY_S"]), time.time_ns
looked_at, off_ns = 0.0, 0
def time_ns():
    global looked_at, off_ns
    if time.monotonic() > looked_at + 0.1:
        looked_at, off_ns = time.monotonic(), int(file.read_text() or 0) * 10**9
    return true_ns() + off_ns
time.time_ns, time.time = time_ns, lambda: time_ns() / 1e9
"""


def clock_that_is_off(directory: Path, off_by: Path) -> Mapping[str, str]:
    """The environment of a process whose wall clock is off by the seconds in a file."""
    directory.mkdir()
    (directory / "sitecustomize.py").write_text(_OFF)
    off_by.write_text("0")
    path = [str(directory), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {"PYTHONPATH": os.pathsep.join(filter(None, path)), "CLOCK_OFF_BY_S": str(off_by)}


@pytest.mark.kafka
def test_a_clock_that_jumps_by_hours_changes_nothing(
    tmp_path: Path, kafka: str, clickhouse_dsn: str
) -> None:
    off_by = tmp_path / "off-by"
    workers: list[WorkerProcess] = []

    async def jump(stack: Stack) -> None:
        workers.extend(stack.workers)
        for hours in (0, 3, -3, 0):
            off_by.write_text(str(3_600 * hours))

            async def goes_on(off_by_s: float = 3_600 * hours) -> bool:
                """It says itself, by its own clock, that it has just stored what it had folded."""
                flushed_at = await metric(workers[0], "last_flush_timestamp_seconds")
                return abs(flushed_at - off_by_s - time.time()) < 3

            await until(goes_on)
            await asyncio.sleep(2)

    outcome = run_show(
        tmp_path,
        _show(6),
        brokers=kafka,
        store=clickhouse_dsn,
        speed=60,
        duration_s=10,
        env=clock_that_is_off(tmp_path / "site", off_by),
        disturb=jump,
    )
    assert_exact(outcome)
    assert workers[0].restarts == 0
