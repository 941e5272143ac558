"""``python -m benchmarks``: how fast, and held to what."""

from __future__ import annotations

import sys

import typer

from benchmarks.commands import (
    end_to_end,
    generator,
    hot_path,
    latency,
    peers,
    report_card,
    scaling,
    sink,
    soak,
)
from liveshop.console import complain
from liveshop.signals import Interrupted
from schemas.errors import LiveshopError

app = typer.Typer(
    name="benchmarks",
    help="Measure how fast Liveshop is; every run proves its totals. See docs/benchmarks.md.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("hot-path")(hot_path.command)
app.command("end-to-end")(end_to_end.command)
app.command("latency")(latency.command)
app.command("scaling")(scaling.command)
app.command("sink")(sink.command)
app.command("generator")(generator.command)
app.command("peers")(peers.command)
app.command("soak")(soak.command)
app.command("report-card")(report_card.command)


def main() -> None:
    """Run a benchmark; what the user can mend ends in a sentence and a hint."""
    try:
        app()
    except LiveshopError as error:
        complain(error)
        sys.exit(1)
    except Interrupted as interrupt:
        sys.exit(128 + interrupt.number)


if __name__ == "__main__":
    main()
