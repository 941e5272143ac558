"""``liveshop replay``: put a show on Kafka."""

from __future__ import annotations

import asyncio
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
from liveshop.console import meter, say, say_bytes
from liveshop.credentials import kafka_security
from liveshop.manifest import need_writable, write_manifest
from liveshop.settings import Settings, load_settings
from liveshop.signals import ending_by, run_interruptibly, stop_if_asked
from liveshop.wording import progress_words, sent_line
from producers.generator import Show
from producers.pacing import Schedule
from producers.profile_files import load_profile
from producers.publisher import Publisher
from producers.recording import Recording
from producers.replay import Progress, ReplayResult
from producers.replay import replay as send
from producers.topics import ensure_topics
from schemas.errors import UsageError

#: What shapes a generated show and says nothing about a recorded one.
_FOR_PROFILES = ("seed", "scale", "duplicates", "late", "unreadable", "disorder_ms")


def replay(
    ctx: typer.Context,
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
    """Replay a profile or a recording through Kafka, on time whatever the system does.

    Ctrl-C ends it early; the truth manifest then holds what was sent until then.
    """
    if (recording is None) == (profile is None):
        raise UsageError(
            "A replay needs either a recording or a profile.",
            "For example: liveshop replay --profile boutique --duration 60",
        )
    if speed is not None and rate is not None:
        raise UsageError("--speed and --rate contradict each other.", "Give one of them.")
    settings = load_settings(brokers=brokers, partitions=partitions)
    need_writable(truth)
    source: Show | Recording
    if recording is not None:
        _refuse(ctx, _FOR_PROFILES)
        source = Recording(recording)
    else:
        knobs = {name: ctx.params[name] for name in _FOR_PROFILES[2:]}
        source = Show(load_profile(str(profile), **knobs), seed=seed, scale=scale)
    if speed is None and rate is None:
        speed = source.default_speed
    schedule = Schedule(speed, rate)
    result = run_interruptibly(_replay(source, schedule, duration, settings, spread))
    if truth is not None:
        write_manifest(truth, result.truth)
    if as_json:
        figures = {
            "sent": result.sent,
            "records": sum(result.sent.values()),
            "seconds": result.seconds,
            "behind_ms": result.behind_ms,
            "truth": None if truth is None else str(truth),
        }
        say_bytes(msgspec.json.encode(figures) + b"\n")
    else:
        say(sent_line(result))
    stop_if_asked()


def _refuse(ctx: typer.Context, names: tuple[str, ...]) -> None:
    """Options that would do nothing are a mistake."""
    for name in names:
        source = ctx.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError(
                f"--{name.replace('_', '-')} has no effect on a recording.",
                "Give it to `liveshop record`, or replay a profile.",
            )


async def _replay(
    source: Show | Recording,
    schedule: Schedule,
    duration_s: float | None,
    settings: Settings,
    spread: int | None,
) -> ReplayResult:
    security = kafka_security(settings)
    publisher = Publisher(settings.brokers, spread=spread, security=security)
    await ensure_topics(settings.brokers, settings.asked_partitions, security=security)
    stop = asyncio.Event()
    span_ms = source.end_ms - source.start_ms
    by_clock = duration_s is not None and schedule.is_paced
    async with publisher:
        with meter("replaying", duration_s if by_clock else span_ms) as bar:

            def show(progress: Progress) -> None:
                done_ms = progress.event_ms - source.start_ms
                bar.to(progress.elapsed_s if by_clock else done_ms, progress_words(progress))

            with ending_by(lambda _: stop.set()):
                return await send(source, publisher, schedule, duration_s, show, stop=stop)
