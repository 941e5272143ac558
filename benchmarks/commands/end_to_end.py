"""``python -m benchmarks end-to-end``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

import typer

from benchmarks import end_to_end
from benchmarks.load import LoadSpec
from benchmarks.options import (
    AsJson,
    Broker,
    CompareFile,
    OutFile,
    Partitions,
    ProfileName,
    Records,
    Runs,
    Scale,
    Seed,
    StoreOfRun,
    Tolerance,
)
from benchmarks.output import Output
from benchmarks.rig import Setting
from benchmarks.run_store import kind_of
from benchmarks.session import Session


def command(
    records: Records = 3_000_000,
    runs: Runs = 3,
    way: Annotated[
        Literal["both", "backlog", "live"],
        typer.Option(help="published before the clock starts, or while it runs"),
    ] = "both",
    profile: ProfileName = "xinba-12h",
    seed: Seed = 1,
    scale: Scale = 50.0,
    partitions: Partitions = 4,
    store: StoreOfRun = "chdb",
    broker: Broker = "embedded",
    as_json: AsJson = False,
    out: OutFile = None,
    compare: CompareFile = None,
    tolerance: Tolerance = 0.25,
) -> None:
    """Kafka to rows in the store, one worker; against bare drains of the same topics."""
    output = Output.prepare("end-to-end", out, compare, tolerance, as_json=as_json)
    kind = kind_of(store)
    spec = LoadSpec(profile, seed, scale, records)
    session = Session(
        output, **asdict(spec), runs=runs, partitions=partitions, store=kind, broker=broker
    )
    setting = Setting(partitions, store, broker=broker)
    ways = end_to_end.BOTH if way == "both" else (way,)
    session.end(end_to_end.measure(spec, setting, runs, ways))
