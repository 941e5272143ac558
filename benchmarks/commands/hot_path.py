"""``python -m benchmarks hot-path``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from benchmarks import hot_path
from benchmarks.load import LoadSpec, prepare
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

#: What is folded on its own; the few facts of rooms are in the mixed load only.
_HOT = ("purchases", "traffic", "likes", "chat", "mixed")


def command(
    records: Records = 500_000,
    runs: Runs = 5,
    profile: ProfileName = "xinba-12h",
    seed: Seed = 1,
    scale: Scale = 1.0,
    partitions: Partitions = 4,
    least: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="records of each topic on its own, as far as the show goes"
        ),
    ] = 50_000,
    poll: Annotated[
        int, typer.Option(min=1, metavar="N", help="records in one fetch, over all partitions")
    ] = 50_000,
    flush_every: Annotated[
        int, typer.Option(min=1, metavar="N", help="records between two takes")
    ] = 100_000,
    as_json: AsJson = False,
    out: OutFile = None,
    compare: CompareFile = None,
    tolerance: Tolerance = 0.25,
) -> None:
    """Bytes of a batch to dirty rows, on one core; against `orjson.loads` on the same bytes."""
    output = Output.prepare("hot-path", out, compare, tolerance, as_json=as_json)
    spec = LoadSpec(profile, seed, scale, records)
    settings = {"poll": poll, "flush_every": flush_every, "least": least}
    session = Session(output, **asdict(spec), runs=runs, partitions=partitions, **settings)
    shape = hot_path.Shape(partitions, poll, flush_every)
    loads = prepare(spec, least)
    cases = hot_path.measure({name: loads[name] for name in _HOT if name in loads}, shape, runs)
    session.end(cases)
