"""``liveshop deadletters``: what could not be folded, and how to send it again."""

from __future__ import annotations

import sys
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from liveshop.commands.options import AsJson, Brokers, StoreAddress
from liveshop.console import safe, say, say_bytes, tell
from liveshop.credentials import kafka_security, store_address
from liveshop.deadletters import (
    PREVIEW_BYTES,
    Group,
    Letter,
    Place,
    Selection,
    counted,
    find_letter,
    group_letters,
    hexdump,
    list_letters,
    replay,
    to_replay,
)
from liveshop.settings import Settings, load_settings
from liveshop.signals import run_interruptibly
from liveshop.stores import reading
from schemas.errors import UsageError
from schemas.store import Store

_LISTED = 50
_DUMPED_BYTES = 4_096


def deadletters(
    listing: Annotated[
        bool, typer.Option("--list", help="one line each, newest first; the default")
    ] = False,
    group: Annotated[bool, typer.Option("--group", help="count them by topic and reason")] = False,
    show: Annotated[
        str | None, typer.Option(metavar="TOPIC/PARTITION/OFFSET", help="all bytes of one")
    ] = None,
    again: Annotated[
        bool,
        typer.Option("--replay", help="publish them again, once the cause is mended; needs --yes"),
    ] = False,
    topic: Annotated[str | None, typer.Option(metavar="NAME", help="only of this topic")] = None,
    reason: Annotated[str | None, typer.Option(metavar="WORD", help="only for this reason")] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="at most so many; lists stop at 50")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="do it")] = False,
    store: StoreAddress = None,
    brokers: Brokers = None,
    as_json: AsJson = False,
) -> None:
    """List, group and show the records that could not be folded; send them again once mended.

    A replayed record goes to the partition it came from, with its key. Replaying twice is
    harmless: what was folded is recognised as a duplicate, and what still cannot be read comes
    back as a dead letter.
    """
    if sum((listing, group, show is not None, again)) > 1:
        raise UsageError(
            "--list, --group, --show and --replay contradict each other.", "Give one of them."
        )
    place = None if show is None else Place.parse(show)
    which = Selection(topic, reason, limit)
    settings = load_settings(store=store, brokers=brokers)
    with reading(store_address(settings)) as opened:
        if place is not None:
            _show(find_letter(opened, place), as_json=as_json)
        elif group:
            _group(group_letters(opened, which), as_json=as_json)
        elif again:
            _replay(opened, which, settings, yes=yes, as_json=as_json)
        else:
            chosen = Selection(topic, reason, _LISTED if limit is None else limit)
            _list(list_letters(opened, chosen), as_json=as_json)


# --- list -------------------------------------------------------------------------------------


def _list(letters: Sequence[Letter], *, as_json: bool) -> None:
    if as_json:
        _say_json([_as_dict(letter) for letter in letters])
        return
    rows = [
        (
            safe(one.place.topic),
            str(one.place.partition),
            str(one.place.offset),
            safe(one.reason),
            safe(one.detail),
            safe(one.value) + ("…" if one.size > len(one.value) else ""),
        )
        for one in letters
    ]
    _say_rows(("topic", "partition", "offset", "reason", "detail", "preview"), rows)


def _group(groups: Sequence[Group], *, as_json: bool) -> None:
    if as_json:
        _say_json(
            [
                {
                    "topic": safe(one.topic),
                    "reason": safe(one.reason),
                    "letters": one.letters,
                    "newest_ms": one.newest_ms,
                    "example": str(one.example),
                    "detail": safe(one.detail),
                }
                for one in groups
            ]
        )
        return
    rows = [
        (
            safe(one.topic),
            safe(one.reason),
            f"{one.letters:,}",
            _utc(one.newest_ms),
            str(one.example),
            safe(one.detail),
        )
        for one in groups
    ]
    _say_rows(("topic", "reason", "letters", "newest (UTC)", "example", "detail"), rows)


def _say_rows(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table for a terminal; in a pipe, lines with tabs. All cells are safe already."""
    if not rows:
        tell("There are no such dead letters.")
    elif sys.stdout.isatty():
        table = Table(*names)
        for row in rows:
            table.add_row(*(escape(cell) for cell in row))
        Console(highlight=False).print(table)
    else:
        for row in rows:
            say("\t".join(row))


# --- show -------------------------------------------------------------------------------------


def _show(letter: Letter, *, as_json: bool) -> None:
    if as_json:
        raw = {"key": letter.key, "value": letter.value}
        encoded = {f"{name}_base64": b64encode(part).decode() for name, part in raw.items()}
        _say_json(_as_dict(letter) | encoded)
        return
    for name, text in (
        ("place", str(letter.place)),
        ("appended", f"{_utc(letter.appended_ms)} UTC"),
        ("reason", safe(letter.reason)),
        ("detail", safe(letter.detail)),
        ("key", safe(letter.key) or "none"),
        ("size", f"{letter.size:,} bytes"),
    ):
        say(f"{name:<9} {text}")
    for line in hexdump(letter.value[:_DUMPED_BYTES]):
        say(line)
    if letter.size > _DUMPED_BYTES:
        tell(f"… and {letter.size - _DUMPED_BYTES:,} bytes more; --json has all of them")


# --- replay -----------------------------------------------------------------------------------


def _replay(
    store: Store, which: Selection, settings: Settings, *, yes: bool, as_json: bool
) -> None:
    security = kafka_security(settings)
    places = to_replay(store, which)
    if places and not yes:
        raise UsageError(
            f"This would publish {counted(len(places))} again, to {settings.brokers}.",
            "Mend the cause first; then say --yes. Choose some with --topic, --reason, --limit.",
        )
    sending = replay(store, places, settings.brokers, security=security)
    sent = run_interruptibly(sending) if places else 0
    if as_json:
        _say_json({"replayed": sent})
    else:
        say(f"replayed {counted(sent)}")


# --- words ------------------------------------------------------------------------------------


def _as_dict(letter: Letter) -> dict[str, Any]:
    return {
        "topic": safe(letter.place.topic),
        "partition": letter.place.partition,
        "offset": letter.place.offset,
        "appended_ms": letter.appended_ms,
        "reason": safe(letter.reason),
        "detail": safe(letter.detail),
        "key": safe(letter.key),
        "size": letter.size,
        "preview": safe(letter.value[:PREVIEW_BYTES]),
    }


def _utc(moment_ms: int) -> str:
    return f"{datetime.fromtimestamp(moment_ms / 1_000, UTC):%Y-%m-%d %H:%M:%S}"


def _say_json(content: object) -> None:
    say_bytes(orjson.dumps(content) + b"\n")
