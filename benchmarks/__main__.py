"""``python -m benchmarks``: how fast, and held to what."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Literal, NoReturn

import typer

from benchmarks import end_to_end, hot_path, soak
from benchmarks.load import LoadSpec, prepare
from benchmarks.machine import describe
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
from benchmarks.result import Case, Result
from benchmarks.rig import Setting
from benchmarks.run_store import kind_of
from benchmarks.soak_chart import draw_soak
from liveshop.console import complain, say
from liveshop.signals import Interrupted
from schemas.errors import LiveshopError

app = typer.Typer(
    name="benchmarks",
    help="Measure how fast Liveshop is; every run proves its totals. See docs/benchmarks.md.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

#: What is folded on its own; the few facts of rooms are in the mixed load only.
_HOT = ("purchases", "traffic", "likes", "chat", "mixed")


@app.command("hot-path")
def hot_path_command(
    records: Records = 500_000,
    runs: Runs = 5,
    profile: ProfileName = "xinba-12h",
    seed: Seed = 1,
    scale: Scale = 1.0,
    partitions: Partitions = 4,
    poll: Annotated[
        int, typer.Option(min=1, metavar="N", help="records in one fetch, over all partitions")
    ] = 10_000,
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
    session = _Session(LoadSpec(profile, seed, scale, records), runs, partitions, output)
    shape = hot_path.Shape(partitions, poll, flush_every)
    loads = prepare(session.spec)
    cases = hot_path.measure({name: loads[name] for name in _HOT if name in loads}, shape, runs)
    session.end(cases, poll=poll, flush_every=flush_every)


@app.command("end-to-end")
def end_to_end_command(
    records: Records = 3_000_000,
    runs: Runs = 3,
    way: Annotated[
        Literal["both", "backlog", "live"],
        typer.Option(help="published before the clock starts, or while it runs"),
    ] = "both",
    profile: ProfileName = "xinba-12h",
    seed: Seed = 1,
    scale: Scale = 300.0,
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
    session = _Session(LoadSpec(profile, seed, scale, records), runs, partitions, output)
    kind = kind_of(store)
    setting = Setting(partitions, store, broker=broker)
    ways = end_to_end.BOTH if way == "both" else (way,)
    cases = end_to_end.measure(session.spec, setting, runs, ways)
    session.end(cases, store=kind, broker=broker)


@app.command("soak")
def soak_command(
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
    ] = 600_000,
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
    session = _Session(request.spec, 1, partitions, output)
    run = soak.soak(request)
    output.path.with_suffix(".svg").write_text(draw_soak(run))
    if not as_json:
        say(run.proof.line())
    settings = (
        {}
        if request.outage is None
        else {f"outage_{k}": v for k, v in asdict(request.outage).items()}
    )
    session.end(
        {"clickhouse": run.case()},
        seconds=request.seconds,
        share=rate_share,
        broker=broker,
        **settings,
    )


@app.command("peers")
def peers_command(
    names: Annotated[
        list[str] | None,
        typer.Option("--peer", metavar="NAME", help="only this one; may be repeated"),
    ] = None,
    records: Records = 3_000_000,
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
    session = _Session(LoadSpec(profile, seed, scale, records), runs, partitions, output)
    session.end(peers.measure(session.spec, peers.chosen(names or []), partitions, runs))


class _Session:
    """What is noted before a measurement, for the result after it."""

    def __init__(self, spec: LoadSpec, runs: int, partitions: int, output: Output) -> None:
        self.spec = spec
        self._output = output
        self._machine = describe()
        self._began_at = datetime.now(UTC).isoformat(timespec="seconds")
        self._settings = {**asdict(spec), "runs": runs, "partitions": partitions}

    def end(self, cases: dict[str, Case], **settings: str | float) -> NoReturn:
        """Deliver the result, and exit."""
        result = Result(
            benchmark=self._output.benchmark,
            began_at=self._began_at,
            settings={**self._settings, **settings},
            machine=self._machine,
            cases=cases,
        )
        raise typer.Exit(self._output.deliver(result))


def main() -> None:
    """Run a benchmark; what the user can mend ends in a sentence and a hint."""
    try:
        app()
    except LiveshopError as error:
        complain(error)
        sys.exit(1)
    except Interrupted as interrupt:
        sys.exit(128 + interrupt.number)


if __name__ == "__main__":
    main()
