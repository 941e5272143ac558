"""``liveshop record``: write a show to a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from liveshop.commands.options import ProfileName, Scale, Seed, TruthFile
from liveshop.console import say
from producers.generator import Show
from producers.profile_files import load_profile
from producers.record import OutRecord
from producers.recording import write_recording
from producers.recount import Counter


def record(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="NDJSON, or .gz")],
    profile: ProfileName = "boutique",
    seed: Seed = 1,
    scale: Scale = 1.0,
    minutes: Annotated[
        float | None, typer.Option(metavar="N", help="so much of the show's own time")
    ] = None,
    truth: TruthFile = None,
) -> None:
    """Write a profile's show to a file that `liveshop replay FILE` replays."""
    show = Show(load_profile(profile), seed=seed, scale=scale)
    until_ms = None if minutes is None else show.start_ms + round(minutes * 60_000)
    counter = Counter()
    count = write_recording(out, _counted(show.records(until_ms), counter))
    if truth is not None:
        manifest = counter.book.truth(
            source=show.name,
            seed=seed,
            scale=scale,
            start_ms=show.start_ms,
            end_ms=until_ms or show.end_ms,
        )
        truth.write_bytes(manifest.to_json())
    say(f"wrote {count:,} records to {out}")


def _counted(records: Iterable[OutRecord], counter: Counter) -> Iterator[OutRecord]:
    for record in records:
        counter.count(record)
        yield record
