"""``liveshop reconcile``: compare the store with the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from liveshop.commands.options import AsJson, Brokers, StoreAddress, positive
from liveshop.console import console, meter, safe, say, say_bytes, tell
from liveshop.credentials import kafka_security, store_address
from liveshop.manifest import read_manifest
from liveshop.reconcile import Reconciliation
from liveshop.reconcile import reconcile as compare
from liveshop.settings import Settings, load_settings
from liveshop.signals import run_interruptibly
from liveshop.stores import reading

_SHOWN = 20


def reconcile(
    truth: Annotated[Path, typer.Option(metavar="FILE", help="the truth manifest")],
    store: StoreAddress = None,
    shared: Annotated[
        bool, typer.Option("--shared", help="the store holds other shows as well")
    ] = False,
    wait: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            callback=positive,
            help="first wait until the workers have folded everything",
        ),
    ] = None,
    brokers: Brokers = None,
    as_json: AsJson = False,
) -> None:
    """Compare every figure in the store with a truth manifest; exit 1 on any difference."""
    manifest = read_manifest(truth)
    settings = load_settings(store=store, brokers=brokers)
    if wait is not None:
        run_interruptibly(_wait_for_workers(settings, wait))
    with reading(store_address(settings)) as opened:
        result = compare(opened, manifest, shared=shared)
    if as_json:
        say_bytes(result.to_json() + b"\n")
    else:
        show_differences(result)
        say(result.line())
    raise typer.Exit(0 if result.is_exact else 1)


async def _wait_for_workers(settings: Settings, limit_s: float) -> None:
    from liveshop.drain import Lag, drain

    async with Lag(settings.brokers, settings.group, kafka_security(settings)) as lag:
        with meter("waiting for the workers", None) as bar:
            await drain(lag, limit_s, on_progress=lambda left: bar.to(0, f"{left:,} records left"))


def show_differences(result: Reconciliation) -> None:
    """List what differs, for people."""
    if result.is_exact:
        return
    table = Table("what", "which", "currency", "figure", "truth", "store")
    for one in result.differences[:_SHOWN]:
        cells = (one.scope, one.key, one.currency, one.figure, str(one.truth), str(one.store))
        table.add_row(*(escape(safe(cell)) for cell in cells))
    console.print(table)
    if len(result.differences) > _SHOWN:
        tell(f"… and {len(result.differences) - _SHOWN} more")
