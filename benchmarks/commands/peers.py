"""``python -m benchmarks peers``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from benchmarks.load import LoadSpec
from benchmarks.options import (
    AsJson,
    CompareFile,
    OutFile,
    Partitions,
    ProfileName,
    Records,
    Runs,
    Scale,
    Seed,
    Tolerance,
)
from benchmarks.output import Output
from benchmarks.session import Session


def command(
    names: Annotated[
        list[str] | None,
        typer.Option("--peer", metavar="NAME", help="only this one; may be repeated"),
    ] = None,
    records: Records = 4_000_000,
    runs: Runs = 3,
    profile: ProfileName = "xinba-12h",
    seed: Seed = 1,
    scale: Scale = 300.0,
    partitions: Partitions = 4,
    as_json: AsJson = False,
    out: OutFile = None,
    compare: CompareFile = None,
    tolerance: Tolerance = 0.25,
) -> None:
    """The same job by Liveshop and by other stream processors, on one Apache Kafka."""
    # Here, because of what it loads: other benchmarks do without.
    from benchmarks.peers import measure as peers

    output = Output.prepare("peers", out, compare, tolerance, as_json=as_json)
    spec = LoadSpec(profile, seed, scale, records)
    session = Session(output, **asdict(spec), runs=runs, partitions=partitions)
    session.end(peers.measure(spec, peers.chosen(names or []), partitions, runs))
