"""``liveshop reconcile``: compare the store with the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from liveshop.commands.options import AsJson, StoreAddress
from liveshop.console import console, say
from liveshop.reconcile import Reconciliation
from liveshop.reconcile import reconcile as compare
from liveshop.settings import load_settings
from liveshop.stores import reading
from schemas.errors import UsageError
from schemas.truth import Truth, read_truth

_SHOWN = 20


def reconcile(
    truth: Annotated[Path, typer.Option(metavar="FILE", help="the truth manifest")],
    store: StoreAddress = None,
    shared: Annotated[bool, typer.Option(help="the store holds other shows as well")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare every figure in the store with a truth manifest; exit 1 on any difference."""
    manifest = read_manifest(truth)
    with reading(load_settings(store=store).store) as opened:
        result = compare(opened, manifest, shared=shared)
    if as_json:
        say(result.to_json().decode())
    else:
        show_differences(result)
        say(result.line())
    raise typer.Exit(0 if result.is_exact else 1)


def read_manifest(path: Path) -> Truth:
    """Read a manifest, or say what is wrong with it."""
    try:
        return read_truth(path)
    except OSError as error:
        raise UsageError(
            f"The truth manifest {path} cannot be read: {error.strerror}.",
            "`liveshop replay … --truth FILE` writes one.",
        ) from None
    except msgspec.MsgspecError as error:
        raise UsageError(
            f"{path} is not a truth manifest: {error}.",
            "`liveshop replay … --truth FILE` writes one.",
        ) from None


def show_differences(result: Reconciliation) -> None:
    """List what differs, for people."""
    if result.is_exact:
        return
    table = Table("what", "which", "currency", "figure", "truth", "store")
    for one in result.differences[:_SHOWN]:
        table.add_row(one.scope, one.key, one.currency, one.figure, str(one.truth), str(one.store))
    console.print(table)
    if len(result.differences) > _SHOWN:
        console.print(f"… and {len(result.differences) - _SHOWN} more")
