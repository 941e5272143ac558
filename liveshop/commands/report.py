"""``liveshop report``: what happened in a room, for people who stake money on it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from liveshop.commands.options import AsJson, StoreAddress
from liveshop.console import safe, say, say_bytes, tell
from liveshop.credentials import store_address
from liveshop.settings import load_settings
from liveshop.stores import reading
from reports import Format, RoomListing, list_rooms
from reports import report as render
from schemas.errors import UsageError


def report(
    room: Annotated[str | None, typer.Argument(metavar="[ROOM]", help="the room's id")] = None,
    fmt: Annotated[
        Literal["html", "json", "csv"], typer.Option("--format", help="html, json or csv")
    ] = "html",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="standard output by default")
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="list the rooms in the store")] = False,
    currency: Annotated[str | None, typer.Option(help="show headlines in this currency")] = None,
    store: StoreAddress = None,
    as_json: AsJson = False,
) -> None:
    """Write the report of one room as a self-contained HTML page, JSON or CSV."""
    chosen: Format = "json" if as_json else fmt
    if room is None and not listing:
        raise UsageError("A report needs a room.", "`liveshop report --list` lists them.")
    if chosen == "html" and out is None and not listing and sys.stdout.isatty():
        raise UsageError(
            "A terminal cannot show an HTML page.", "Name a file, for example --out report.html."
        )
    with reading(store_address(load_settings(store=store))) as opened:
        if listing:
            _list(list_rooms(opened), as_json=as_json)
            return
        content = render(opened, str(room), chosen, currency)
    _write(content, out)


def _write(content: str | bytes, out: Path | None) -> None:
    raw = content.encode() if isinstance(content, str) else content
    if out is None:
        say_bytes(raw)
        return
    try:
        out.write_bytes(raw)
    except OSError as error:
        raise UsageError(
            f"The report {out} cannot be written: {error.strerror}.",
            "Name another file with --out.",
        ) from None
    tell(f"wrote {out}")


def _list(rooms: list[RoomListing], *, as_json: bool) -> None:
    if as_json:
        say_bytes(msgspec.json.encode(rooms) + b"\n")
        return
    if not rooms:
        tell("The store holds no rooms yet.")
    elif sys.stdout.isatty():
        _show(rooms)
    else:
        for room in rooms:
            say(safe(room.room_id))


def _show(rooms: list[RoomListing]) -> None:
    table = Table("room", "brand", "title", "KOL", "started (UTC)", "views", "orders")
    for room in rooms:
        started = room.started_at_ms
        names = (room.room_id, room.brand, room.title, room.kol_id)
        table.add_row(
            *(escape(safe(name)) for name in names),
            f"{datetime.fromtimestamp(started / 1_000, UTC):%Y-%m-%d %H:%M}" if started else "",
            f"{room.views:,}",
            f"{room.orders:,}",
        )
    Console(highlight=False).print(table)
