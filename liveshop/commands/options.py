"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Brokers = Annotated[
    str | None,
    typer.Option("--brokers", metavar="HOST:PORT", help="Kafka  [env LIVESHOP_BROKERS]"),
]
StoreAddress = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="ADDRESS",
        help="clickhouse://user:password@host:port/database or chdb:///directory"
        "  [env LIVESHOP_STORE]",
    ),
]
Partitions = Annotated[
    int | None,
    typer.Option("--partitions", metavar="N", help="partitions of topics that are created"),
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
    float | None, typer.Option("--duration", metavar="S", help="stop after so many wall seconds")
]
TruthFile = Annotated[
    Path | None, typer.Option("--truth", metavar="FILE", help="the truth manifest")
]
AsJson = Annotated[bool, typer.Option("--json", help="figures as JSON on standard output")]
