"""Options that several benchmarks share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

import typer

from benchmarks.rig import BrokerKind
from schemas.errors import UsageError

_Number = TypeVar("_Number", int, float)

Runs = Annotated[int, typer.Option(min=1, metavar="N", help="runs; the median counts")]
Records = Annotated[int, typer.Option(min=1_000, metavar="N", help="records in the load")]
Partitions = Annotated[
    int, typer.Option(min=1, max=1_000, metavar="N", help="partitions of each topic")
]
ProfileName = Annotated[
    str, typer.Option("--profile", metavar="NAME", help="a profile's name, or a .toml file")
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="same profile and seed: same bytes")]
Scale = Annotated[float, typer.Option("--scale", metavar="X", help="factor on the crowd")]
AsJson = Annotated[bool, typer.Option("--json", help="the result as JSON on standard output")]
OutFile = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="result file  [default: out/benchmarks/NAME-TIME]"),
]
CompareFile = Annotated[
    Path | None,
    typer.Option("--compare", metavar="FILE", help="exit 1 if a ratio fell below this result's"),
]
Tolerance = Annotated[
    float,
    typer.Option("--tolerance", min=0.0, max=1.0, metavar="X", help="the share it may fall by"),
]
StoreOfRun = Annotated[
    str,
    typer.Option(
        "--store",
        metavar="STORE",
        help="chdb, clickhouse for a server of its own, or a server's "
        "clickhouse://user:password@host:port/database; each run makes a database DATABASE_time "
        "there and leaves it",
    ),
]
Broker = Annotated[BrokerKind, typer.Option(help="the embedded one, or an Apache Kafka of its own")]


def numbers(
    text: str, kind: type[_Number], option: str, least: float, most: float
) -> list[_Number]:
    """Read ``"1000,200"``.

    Raises:
        UsageError: one of them is no number, or out of range.
    """
    try:
        found = [kind(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(least <= number <= most for number in found):
        raise UsageError(
            f"{option} cannot be {text!r}.",
            f"Give numbers from {least:g} to {most:g}, with commas in between.",
        )
    return found
