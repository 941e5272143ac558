"""``liveshop chaos``: kill anything at any moment, and prove that the totals stay true."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from liveshop.chaos.chart import draw_chart
from liveshop.chaos.plan import Amounts, draw_plan
from liveshop.chaos.record import Record
from liveshop.chaos.run import SESSION_TIMEOUT_S, Request, run_chaos
from liveshop.chaos.screen import ChaosScreen
from liveshop.commands.options import AsJson, Partitions, ProfileName, Scale, Seed, positive
from liveshop.commands.reconcile import show_differences
from liveshop.console import say, say_bytes, tell
from liveshop.settings import load_settings
from producers.generator import Show
from producers.profile_files import load_profile
from schemas.errors import UsageError


def chaos(
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", help="worker processes at the beginning")
    ] = 2,
    kills: Annotated[
        int, typer.Option("--kills", metavar="N", help="how many times a worker is killed")
    ] = 20,
    kills_only: Annotated[
        bool, typer.Option("--kills-only", help="nothing else goes wrong: to measure recovery")
    ] = False,
    seed: Seed = 1,
    profile: ProfileName = "chaos",
    scale: Scale = 1.0,
    duration: Annotated[
        float,
        typer.Option("--duration", metavar="S", callback=positive, help="wall seconds of the show"),
    ] = 240.0,
    partitions: Partitions = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", metavar="DIR", help="where runs are kept  (LIVESHOP_DATA_DIR)"),
    ] = None,
    chart: Annotated[
        Path | None, typer.Option("--chart", metavar="FILE", help="draw the run as an SVG")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Kill workers, broker and store under a show, at moments that the seed draws, and prove it.

    On a real Kafka and a real ClickHouse, both started here. With --json, the record goes to
    standard output, and the closing line to standard error.
    """
    if workers < 1:
        raise UsageError(f"{workers} workers fold nothing.", "Give --workers 1 or more.")
    if kills < 0:
        raise UsageError(f"--kills cannot be {kills}.", "Give a number from 0 up.")
    settings = load_settings(data_dir=data_dir, partitions=partitions)
    show = Show(load_profile(profile), seed=seed, scale=scale)
    plan = draw_plan(seed, duration, _amounts(kills, kills_only), SESSION_TIMEOUT_S)
    request = Request(show, duration, plan, workers, settings)
    if chart is not None:
        _write(chart, "", mode="a")  # What cannot be written is said before a long run.
    record = run_chaos(request, ChaosScreen(show.profile.currency))
    if chart is not None:
        _write(chart, draw_chart(record))
    if as_json:
        say_bytes(record.to_json())
        tell(record.proof.line())
    else:
        _summarise(record)
        show_differences(record.proof)
        say(record.proof.line())
    raise typer.Exit(0 if record.proof.is_exact else 1)


def _amounts(kills: int, kills_only: bool) -> Amounts:
    return Amounts(kills, 0, 0, 0, 0, 0, 0) if kills_only else Amounts(kills)


def _write(path: Path, content: str, mode: str = "w") -> None:
    try:
        with path.open(mode, encoding="utf-8") as file:
            file.write(content)
    except OSError as error:
        raise UsageError(
            f"The chart {path} cannot be written: {error.strerror}.",
            "Name a file with --chart in a directory that exists and that you may write to.",
        ) from None


def _summarise(record: Record) -> None:
    accounts, proof = record.proof.accounts, record.proof
    say(
        f"sent {record.records:,} records in {record.replay_s:.0f} s: {record.events:,} events, "
        f"{record.purchases:,} of them paid orders; everything stored {record.drain_s:.0f} s later"
    )
    say(
        f"{len(record.plan)} faults, {record.kills} of them workers killed; "
        f"{len(record.exits)} ends that nobody asked for"
    )
    for title, found in (
        ("all in all", record.raw),
        ("without the time in which another fault stood in the way", record.undisturbed),
        ("kills that no other fault came near", record.alone),
    ):
        if found is not None:
            say(
                f"figures of killed workers advanced again after {found.median_s:.1f} s, at most "
                f"{found.max_s:.1f} s ({found.count}, {title})"
            )
    say(
        f"folded {accounts['folded']:,} events, {accounts['late']:,} of them late; set apart "
        f"{accounts['duplicates']:,} duplicates and {accounts['dead_lettered']:,} dead letters; "
        f"{accounts['unaccounted']:,} records unaccounted for"
    )
    say(f"compared {proof.compared:,} figures with the truth, {len(proof.differences)} differ")
    say(f"logs and truth are in {record.directory}")
