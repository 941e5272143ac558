"""``liveshop replay``: put a show on Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from liveshop.commands.options import (
    AsJson,
    Brokers,
    Duration,
    Partitions,
    Scale,
    Seed,
    Speed,
    TruthFile,
)
from liveshop.console import meter, say
from liveshop.settings import load_settings
from liveshop.signals import run_interruptibly
from producers.generator import Show
from producers.pacing import Schedule
from producers.profile_files import load_profile
from producers.publisher import Publisher
from producers.recording import Recording
from producers.replay import Progress, ReplayResult
from producers.replay import replay as send
from producers.topics import ensure_topics
from schemas.errors import UsageError


def replay(
    recording: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="a recorded show (NDJSON, also .gz)")
    ] = None,
    profile: Annotated[
        str | None, typer.Option(metavar="NAME", help="a profile's name, or a .toml file")
    ] = None,
    seed: Seed = 1,
    scale: Scale = 1.0,
    speed: Speed = None,
    rate: Annotated[
        float | None, typer.Option(metavar="N", help="records per second, instead of --speed")
    ] = None,
    duration: Duration = None,
    duplicates: Annotated[float | None, typer.Option(help="share of records sent twice")] = None,
    late: Annotated[float | None, typer.Option(help="share of events held back")] = None,
    unreadable: Annotated[float | None, typer.Option(help="share of garbage added")] = None,
    disorder_ms: Annotated[int | None, typer.Option(help="how far records are shuffled")] = None,
    truth: TruthFile = None,
    brokers: Brokers = None,
    partitions: Partitions = None,
    spread: Annotated[
        int | None, typer.Option(metavar="N", help="spread each room over N keys")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replay a profile or a recording through Kafka, on time whatever the system does."""
    if (recording is None) == (profile is None):
        raise UsageError(
            "A replay needs either a recording or a profile.",
            "For example: liveshop replay --profile boutique --duration 60",
        )
    source: Show | Recording
    if recording is not None:
        source = Recording(recording)
    else:
        knobs = {
            "duplicates": duplicates,
            "late": late,
            "unreadable": unreadable,
            "disorder_ms": disorder_ms,
        }
        source = Show(load_profile(str(profile), **knobs), seed=seed, scale=scale)
    if speed is None and rate is None:
        speed = source.default_speed
    settings = load_settings(brokers=brokers)
    result = run_interruptibly(
        _replay(source, Schedule(speed, rate), duration, settings.brokers, partitions, spread)
    )
    if truth is not None:
        truth.write_bytes(result.truth.to_json())
    if as_json:
        figures = {"sent": result.sent, "seconds": result.seconds, "behind_ms": result.behind_ms}
        say(msgspec.json.encode(figures).decode())
    else:
        total = sum(result.sent.values())
        say(f"sent {total:,} records in {result.seconds:.1f} s, {result.behind_ms:.0f} ms behind")


async def _replay(
    source: Show | Recording,
    schedule: Schedule,
    duration_s: float | None,
    brokers: str,
    partitions: int | None,
    spread: int | None,
) -> ReplayResult:
    await ensure_topics(brokers, partitions)
    async with Publisher(brokers, spread=spread) as publisher:
        with meter("replaying", duration_s) as bar:

            def show(progress: Progress) -> None:
                bar.to(progress.elapsed_s, describe(progress))

            return await send(source, publisher, schedule, duration_s, show)


def describe(progress: Progress) -> str:
    """Records and rate, for a progress bar."""
    behind = f", {progress.behind_ms:,.0f} ms behind" if progress.behind_ms > 1_000 else ""
    return f"{progress.records:,} records, {progress.rate:,.0f}/s{behind}"
