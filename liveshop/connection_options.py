"""Options that every command has which connects to Kafka or a store, or serves HTTP.

They stand here, and not in each command, because there are many and all do the same: set the
environment variable of their name, for this command and the workers that it starts. No option
takes a secret itself, for everybody on the machine can read a command line; one names its file.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, Final

import typer

#: Parameter that a command has → the options that come with it: name, placeholder, help.
_OPTIONS: Final = {
    "brokers": (
        ("kafka_security_protocol", "NAME", "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"),
        ("kafka_sasl_mechanism", "NAME", "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"),
        ("kafka_user", "NAME", "with SASL_*"),
        ("kafka_password_file", "FILE", "its password"),
        ("kafka_ca_file", "FILE", "authorities to trust, PEM; the system's by default"),
        ("kafka_cert_file", "FILE", "client certificate, PEM"),
        ("kafka_key_file", "FILE", "its private key, PEM"),
    ),
    "store": (("store_password_file", "FILE", "the password of the store's user"),),
    "host": (("http_token_file", "FILE", "what the live page and its figures ask for"),),
}


def with_connection_options(command: Callable[..., None]) -> Callable[..., None]:
    """A command with the options that come with its parameters."""
    signature = inspect.signature(command, eval_str=True)
    names = [
        option
        for trigger in _OPTIONS
        if trigger in signature.parameters
        for option in _OPTIONS[trigger]
    ]
    variables = {name: f"LIVESHOP_{name.upper()}" for name, _, _ in names}

    @wraps(command)
    def run(**given: Any) -> None:
        for name, variable in variables.items():
            value = given.pop(name)
            if value is not None:
                os.environ[variable] = value
        command(**given)

    parameters = [*signature.parameters.values(), *(_parameter(*option) for option in names)]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return run


def _parameter(name: str, placeholder: str, explanation: str) -> inspect.Parameter:
    option = typer.Option(
        f"--{name.replace('_', '-')}",
        metavar=placeholder,
        help=f"{explanation}  (LIVESHOP_{name.upper()})",
        rich_help_panel="Security",
    )
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=None, annotation=Annotated[str | None, option])
