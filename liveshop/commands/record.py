"""``liveshop record``: write a show to a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from liveshop.commands.options import AsJson, ProfileName, Scale, Seed, TruthFile, positive
from liveshop.console import Meter, meter, say, say_bytes, tell
from liveshop.manifest import need_writable, write_manifest
from liveshop.signals import Interrupted
from producers.generator import Show
from producers.profile_files import load_profile
from producers.record import OutRecord
from producers.recording import write_recording
from producers.recount import Counter

_REPORT_EVERY = 5_000


def record(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="NDJSON, or .gz")],
    profile: ProfileName = "boutique",
    seed: Seed = 1,
    scale: Scale = 1.0,
    minutes: Annotated[
        float | None,
        typer.Option(metavar="N", callback=positive, help="so much of the show's own time"),
    ] = None,
    truth: TruthFile = None,
    as_json: AsJson = False,
) -> None:
    """Write a profile's show to a file that `liveshop replay FILE` replays."""
    show = Show(load_profile(profile), seed=seed, scale=scale)
    until_ms = None if minutes is None else show.start_ms + round(minutes * 60_000)
    need_writable(truth)
    counter = Counter()
    end_ms = until_ms or show.end_ms
    try:
        with meter("recording", end_ms - show.start_ms) as bar:
            records = _watched(show.records(until_ms), counter, show.start_ms, bar)
            count = write_recording(out, records)
    except Interrupted:
        tell(f"liveshop: {out} is incomplete.")
        raise
    if truth is not None:
        manifest = counter.book.truth(
            source=show.name, seed=seed, scale=scale, start_ms=show.start_ms, end_ms=end_ms
        )
        write_manifest(truth, manifest)
    if as_json:
        figures = {"file": str(out), "records": count, "sent": counter.book.sent}
        say_bytes(msgspec.json.encode(figures) + b"\n")
    else:
        say(f"wrote {count:,} records to {out}")


def _watched(
    records: Iterable[OutRecord], counter: Counter, start_ms: int, bar: Meter
) -> Iterator[OutRecord]:
    for number, record in enumerate(records):
        counter.count(record)
        if not number % _REPORT_EVERY:
            bar.to(record.due_ms - start_ms, f"{number:,} records")
        yield record
