"""``python -m benchmarks scaling``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from benchmarks import scaling
from benchmarks.options import (
    AsJson,
    CompareFile,
    OutFile,
    Partitions,
    Records,
    Runs,
    Seed,
    StoreOfRun,
    Tolerance,
)
from benchmarks.output import Output
from benchmarks.run_store import kind_of
from benchmarks.session import Session


def command(
    cases: Annotated[
        str,
        typer.Option(
            "--cases",
            metavar="NAME;NAME",
            help=f"{'; '.join([*scaling.SHAPES, scaling.HOUR])}  [default: all]",
        ),
    ] = "",
    records: Records = 1_000_000,
    hour_records: Annotated[
        int, typer.Option(min=10_000, metavar="N", help="records in the one-hour show, about")
    ] = 6_000_000,
    runs: Runs = 3,
    seed: Seed = 1,
    partitions: Partitions = 4,
    store: StoreOfRun = "clickhouse",
    as_json: AsJson = False,
    out: OutFile = None,
    compare: CompareFile = None,
    tolerance: Tolerance = 0.25,
) -> None:
    """Rooms, products, workers, a festival, a celebrity, an hour: rate and memory of a worker."""
    output = Output.prepare("scaling", out, compare, tolerance, as_json=as_json)
    names = [name.strip() for name in cases.split(";") if name.strip()]
    kind = kind_of(store)
    plan = scaling.Plan(
        shapes=tuple(names or [*scaling.SHAPES, scaling.HOUR]),
        records=records,
        hour_records=hour_records,
        seed=seed,
        partitions=partitions,
        store=store,
        runs=runs,
    )
    settings = {**asdict(plan), "shapes": "; ".join(plan.shapes), "store": kind}
    session = Session(output, **settings)
    session.end(scaling.measure(plan))
