"""``python -m benchmarks generator``."""

from __future__ import annotations

from dataclasses import asdict

from benchmarks import generator
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
    records: Records = 1_000_000,
    runs: Runs = 3,
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
    """What a producer offers with one core, step by step, held to what one worker takes."""
    output = Output.prepare("generator", out, compare, tolerance, as_json=as_json)
    kind = kind_of(store)
    spec = LoadSpec(profile, seed, scale, records)
    session = Session(
        output, **asdict(spec), runs=runs, partitions=partitions, store=kind, broker=broker
    )
    setting = Setting(partitions, store, broker=broker)
    session.end(generator.measure(spec, setting, runs))
