"""``python -m benchmarks sink``."""

from __future__ import annotations

from typing import Annotated

import typer

from benchmarks import sink
from benchmarks.options import AsJson, CompareFile, OutFile, Runs, Tolerance, numbers
from benchmarks.output import Output
from benchmarks.run_store import kind_of
from benchmarks.session import Session


def command(
    stores: Annotated[
        str, typer.Option("--stores", metavar="STORE,STORE", help="as --store of end-to-end")
    ] = "chdb,clickhouse",
    sizes: Annotated[str, typer.Option("--sizes", metavar="N,N", help="rows per insert")] = (
        "100,1000,10000,100000"
    ),
    rows: Annotated[
        int, typer.Option(min=1, metavar="N", help="rows per run; at most 100 inserts, though")
    ] = 500_000,
    runs: Runs = 3,
    as_json: AsJson = False,
    out: OutFile = None,
    compare: CompareFile = None,
    tolerance: Tolerance = 0.25,
) -> None:
    """Rows per second into the stores, by batch size."""
    output = Output.prepare("sink", out, compare, tolerance, as_json=as_json)
    kinds = stores.split(",")
    for store in kinds:
        kind_of(store)
    plan = sink.Plan(kinds, numbers(sizes, int, "--sizes", 1, 10_000_000), rows, runs)
    named = ",".join(map(kind_of, kinds))
    session = Session(output, stores=named, sizes=sizes, rows=rows, runs=runs)
    session.end(sink.measure(plan))
