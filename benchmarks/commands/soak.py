"""``python -m benchmarks soak``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from benchmarks import soak
from benchmarks.load import LoadSpec
from benchmarks.options import (
    AsJson,
    Broker,
    CompareFile,
    OutFile,
    Partitions,
    ProfileName,
    Scale,
    Seed,
    Tolerance,
)
from benchmarks.output import Output
from benchmarks.session import Session
from benchmarks.soak_chart import draw_soak
from liveshop.console import say


def command(
    minutes: Annotated[
        float, typer.Option(min=0.1, max=240, metavar="M", help="for how long the load lasts")
    ] = 3.0,
    rate_share: Annotated[
        float, typer.Option(min=0.01, max=1.0, metavar="X", help="of the maximum rate")
    ] = 0.5,
    rate: Annotated[
        float | None,
        typer.Option(min=20, metavar="N", help="records/s; the maximum is not measured then"),
    ] = None,
    outage_seconds: Annotated[
        float, typer.Option(min=0, metavar="S", help="how long ClickHouse is away; 0 for not")
    ] = 0.0,
    outage_at: Annotated[float, typer.Option(min=0, metavar="S", help="when it goes away")] = 60.0,
    outage: Annotated[
        soak.OutageKind, typer.Option(help="SIGKILL and a new start, or SIGSTOP and SIGCONT")
    ] = "kill",
    broker: Broker = "embedded",
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
    """One worker and a ClickHouse server under a steady load: memory, lag, an outage, the proof."""
    output = Output.prepare("soak", out, compare, tolerance, as_json=as_json)
    request = soak.Request(
        spec=LoadSpec(profile, seed, scale, records),
        partitions=partitions,
        seconds=60 * minutes,
        share=rate_share,
        rate=rate,
        outage=soak.Outage(outage_at, outage_seconds, outage) if outage_seconds else None,
        broker=broker,
    )
    settings = {
        **asdict(request.spec),
        "partitions": partitions,
        "seconds": request.seconds,
        "share": rate_share,
        "broker": broker,
        **(
            {f"outage_{name}": value for name, value in asdict(request.outage).items()}
            if request.outage is not None
            else {}
        ),
    }
    session = Session(output, **settings)
    run = soak.soak(request)
    output.path.with_suffix(".svg").write_text(draw_soak(run))
    if not as_json:
        say(run.proof.line())
    session.end({"clickhouse": run.case()})
