"""The ``liveshop`` command. Each subcommand stands in a module of its own."""

from __future__ import annotations

import sys

import typer

from liveshop.commands import demo, doctor, reconcile, record, replay, report, worker
from liveshop.console import complain
from liveshop.signals import Interrupted
from schemas.errors import LiveshopError

app = typer.Typer(
    name="liveshop",
    help="Replay live-shopping shows, fold them into exact figures, and prove every one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo.demo)
app.command()(replay.replay)
app.command()(record.record)
app.command()(worker.worker)
app.command()(report.report)
app.command()(reconcile.reconcile)
app.command()(doctor.doctor)


def main() -> None:
    """Run a command; what the user can mend ends in a sentence and a hint, not a traceback."""
    try:
        app()
    except LiveshopError as error:
        complain(error)
        sys.exit(1)
    except Interrupted as interrupt:
        sys.exit(128 + interrupt.number)
