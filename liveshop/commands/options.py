"""Options that several commands share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from schemas.errors import UsageError


def positive(param: typer.CallbackParam, value: float | None) -> float | None:
    """Refuse what is not a number above 0.

    Raises:
        UsageError: with the name of the option.
    """
    if value is not None and not 0 < value < math.inf:
        raise UsageError(
            f"--{param.name} cannot be {value:g}.",
            "Give a number above 0, or leave it out for the default.",
        )
    return value


Brokers = Annotated[
    str | None,
    typer.Option("--brokers", metavar="HOST:PORT", help="Kafka  (LIVESHOP_BROKERS)"),
]
StoreAddress = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="ADDRESS",
        help="clickhouse://user:password@host:port/database or chdb:///directory  (LIVESHOP_STORE)",
    ),
]
Partitions = Annotated[
    int | None,
    typer.Option("--partitions", metavar="N", help="partitions of topics that are created"),
]
Port = Annotated[
    int | None,
    typer.Option(
        "--port", metavar="N", help="port of the live page; 0: any free one  (LIVESHOP_PORT)"
    ),
]
ProfileName = Annotated[
    str, typer.Option("--profile", metavar="NAME", help="a profile's name, or a .toml file")
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="same profile and seed: same bytes")]
Scale = Annotated[float, typer.Option("--scale", metavar="X", help="factor on the crowd")]
Speed = Annotated[
    float | None,
    typer.Option("--speed", metavar="X", help="event time per wall time; 0: as fast as possible"),
]
Duration = Annotated[
    float | None,
    typer.Option(
        "--duration", metavar="S", callback=positive, help="stop after so many wall seconds"
    ),
]
TruthFile = Annotated[
    Path | None, typer.Option("--truth", metavar="FILE", help="the truth manifest")
]
AsJson = Annotated[bool, typer.Option("--json", help="figures as JSON on standard output")]
