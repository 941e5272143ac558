"""``python -m benchmarks latency``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from benchmarks import latency
from benchmarks.load import LoadSpec
from benchmarks.options import (
    AsJson,
    CompareFile,
    OutFile,
    Partitions,
    ProfileName,
    Scale,
    Seed,
    Tolerance,
    numbers,
)
from benchmarks.output import Output
from benchmarks.session import Session


def command(
    intervals: Annotated[
        str, typer.Option("--intervals", metavar="MS,MS", help="flush intervals")
    ] = "1000,200",
    shares: Annotated[
        str, typer.Option("--shares", metavar="X,X", help="of the maximum rate")
    ] = "0.25,0.5,0.75",
    seconds: Annotated[
        float, typer.Option(min=4, max=3_600, metavar="S", help="for how long at each share")
    ] = 22.0,
    records: Annotated[
        int, typer.Option(min=1_000, metavar="N", help="records to measure the maximum with")
    ] = 2_000_000,
    profile: ProfileName = "xinba-12h",
    seed: Seed = 1,
    scale: Scale = 50.0,
    partitions: Partitions = 4,
    as_json: AsJson = False,
    out: OutFile = None,
    compare: CompareFile = None,
    tolerance: Tolerance = 0.25,
) -> None:
    """From a record's due moment to a query that sees it, in an open loop; a ClickHouse server."""
    output = Output.prepare("latency", out, compare, tolerance, as_json=as_json)
    spec = LoadSpec(profile, seed, scale, records)
    intervals_ms = numbers(intervals, int, "--intervals", 50, 60_000)
    plan = latency.Plan(
        spec, partitions, intervals_ms, numbers(shares, float, "--shares", 0.01, 2.0), seconds
    )
    settings = {"partitions": partitions, "seconds": seconds}
    session = Session(output, **asdict(spec), **settings, intervals=intervals, shares=shares)
    session.end(latency.measure(plan))
