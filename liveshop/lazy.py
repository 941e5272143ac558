"""Subcommands that are imported when they are called, so that ``--help`` need not load Kafka."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from liveshop.connection_options import with_connection_options


class LazyGroup(TyperGroup):
    """A group whose subcommand ``NAME`` is the function ``NAME`` of ``liveshop.commands.NAME``."""

    #: Name of a subcommand → what it does, in one line; the first line of its docstring.
    summaries: ClassVar[Mapping[str, str]] = {
        "demo": "Replay a show end to end on this machine, live, and prove the totals at the end.",
        "replay": "Replay a profile or a recording through Kafka, on time whatever the system does.",
        "record": "Write a profile's show to a file that `liveshop replay FILE` replays.",
        "worker": "Fold what is in Kafka into the store, and serve the live page, until stopped.",
        "report": "Write the report of one room as a self-contained HTML page, JSON or CSV.",
        "reconcile": "Compare every figure in the store with a truth manifest; exit 1 on any difference.",
        "chaos": "Kill workers, broker and store under a show, at moments that the seed draws, and prove it.",
        "deadletters": "List, group and show the records that could not be folded; send them again once mended.",
        "doctor": "Check Python, packages, broker, topics, store, clock, port and disk; say what to do.",
    }

    def __init__(self, **attributes: Any) -> None:
        stubs = {
            name: TyperCommand(name, help=summary, callback=None)
            for name, summary in self.summaries.items()
        }
        super().__init__(**{**attributes, "commands": stubs})

    def resolve_command(
        self, ctx: Any, args: list[str]
    ) -> tuple[str | None, TyperCommand | None, list[str]]:
        """Find the subcommand that was asked for, and import it."""
        name, stub, rest = super().resolve_command(ctx, args)
        return name, None if stub is None else load_command(str(name)), rest


def load_command(name: str) -> TyperCommand:
    """Import a subcommand."""
    module = import_module(f"liveshop.commands.{name}")
    app = typer.Typer(add_completion=False)
    app.command(name)(with_connection_options(getattr(module, name)))
    command = get_command(app)
    if not isinstance(command, TyperCommand):
        raise TypeError(f"{name} is no command")
    return command
