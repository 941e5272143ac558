"""``python -m benchmarks``: how fast, and held to what."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, NoReturn

import typer

from benchmarks import end_to_end, hot_path
from benchmarks.load import LoadSpec, prepare
from benchmarks.machine import describe
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
from benchmarks.result import Case, Result
from liveshop.console import complain
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
    records: Records = 1_000_000,
    runs: Runs = 3,
    profile: ProfileName = "xinba-12h",
    seed: Seed = 1,
    scale: Scale = 1.0,
    partitions: Partitions = 4,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="clickhouse://user:password@host:port/database; each run makes a database "
            "DATABASE_time_run there and leaves it  [default: chDB]",
        ),
    ] = None,
    as_json: AsJson = False,
    out: OutFile = None,
    compare: CompareFile = None,
    tolerance: Tolerance = 0.25,
) -> None:
    """Kafka to rows in the store, one worker; against a bare aiokafka drain of the same topics."""
    output = Output.prepare("end-to-end", out, compare, tolerance, as_json=as_json)
    session = _Session(LoadSpec(profile, seed, scale, records), runs, partitions, output)
    kind = end_to_end.kind_of(store)
    load = prepare(session.spec)["mixed"]
    session.end({kind: end_to_end.measure(load, partitions, runs, store)}, store=kind)


class _Session:
    """What is noted before a measurement, for the result after it."""

    def __init__(self, spec: LoadSpec, runs: int, partitions: int, output: Output) -> None:
        self.spec = spec
        self._output = output
        self._machine = describe()
        self._began_at = datetime.now(UTC).isoformat(timespec="seconds")
        self._settings = {**asdict(spec), "runs": runs, "partitions": partitions}

    def end(self, cases: dict[str, Case], **settings: str | int) -> NoReturn:
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
