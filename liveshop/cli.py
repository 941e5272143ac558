"""The ``liveshop`` command. Each subcommand stands in a module of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from liveshop.console import complain, say, tolerate_any_terminal
from liveshop.lazy import LazyGroup
from liveshop.logs import log_warnings
from liveshop.signals import Interrupted, watch_signals
from schemas.errors import LiveshopError, Unavailable, UsageError
from schemas.store import StoreUnavailable

app = typer.Typer(
    cls=LazyGroup,
    name="liveshop",
    help="Replay live-shopping shows, fold them into exact figures, and prove every one.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"liveshop {version('liveshop')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _front_door(
    ctx: typer.Context,
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    if ctx.invoked_subcommand is None:
        ctx.get_help()
        raise typer.Exit(2)


def main() -> None:
    """Run a command; what the user can mend ends in a sentence and a hint, not a traceback."""
    watch_signals()
    log_warnings()
    tolerate_any_terminal()
    sys.exit(run())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command with these arguments, or the program's; returns the exit code."""
    try:
        return app(arguments, prog_name="liveshop", standalone_mode=False) or 0
    except LiveshopError as error:
        complain(error)
        return 1
    except StoreUnavailable as error:
        complain(Unavailable(str(error), "Try again once the store answers."))
        return 1
    except typer.TyperException as error:
        sentence = error.format_message().replace("Value error, ", "")
        complain(UsageError(sentence, f"Try `{_called(error)} --help`."))
        return error.exit_code
    except Interrupted as interrupt:
        return 128 + interrupt.number


def _called(error: typer.TyperException) -> str:
    """The command whose arguments were wrong."""
    context = getattr(error, "ctx", None)
    return str(context.command_path) if context else "liveshop"
