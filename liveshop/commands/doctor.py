"""``liveshop doctor``: is everything there that a worker needs, and if not, what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from liveshop.checks import Finding, examine
from liveshop.commands.options import AsJson, Brokers, Port, StoreAddress
from liveshop.console import say_bytes
from liveshop.settings import load_settings

_COLOURS: Final = {"ok": "green", "warning": "yellow", "failure": "bold red"}


def doctor(
    brokers: Brokers = None,
    store: StoreAddress = None,
    port: Port = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", metavar="DIR", help="where runs are kept  (LIVESHOP_DATA_DIR)"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check Python, packages, broker, topics, store, clock, port and disk; say what to do.

    Changes nothing. Exit 1 if something is missing that a worker needs.
    """
    findings = examine(load_settings(brokers=brokers, store=store, port=port, data_dir=data_dir))
    if as_json:
        say_bytes(msgspec.json.format(msgspec.json.encode(findings), indent=1) + b"\n")
    else:
        _show(findings)
    raise typer.Exit(1 if any(finding.state == "failure" for finding in findings) else 0)


def _show(findings: list[Finding]) -> None:
    console = Console(highlight=False)
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        line = Text.assemble(
            (f"{finding.state:<8}", _COLOURS[finding.state]),
            f"{finding.what:<{width}}  {finding.found}",
        )
        console.print(line, soft_wrap=True)
        if finding.advice:
            console.print(Text(f"{'':<{width + 8}}  → {finding.advice}", "dim"), soft_wrap=True)
