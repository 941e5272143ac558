"""``liveshop report``: what happened in a room, for people who stake money on it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, get_args

import msgspec
import typer
from rich.table import Table

from liveshop.commands.options import AsJson, StoreAddress
from liveshop.console import console, say
from liveshop.settings import load_settings
from liveshop.stores import reading
from reports import Format, RoomListing, list_rooms
from reports import report as render
from schemas.errors import UsageError


def report(
    room: Annotated[str | None, typer.Argument(metavar="[ROOM]", help="the room's id")] = None,
    fmt: Annotated[str, typer.Option("--format", help="html, json or csv")] = "html",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="standard output by default")
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="list the rooms in the store")] = False,
    currency: Annotated[str | None, typer.Option(help="show headlines in this currency")] = None,
    store: StoreAddress = None,
    as_json: AsJson = False,
) -> None:
    """Write the report of one room as a self-contained HTML page, JSON or CSV."""
    if as_json:
        fmt = "json"
    if fmt not in get_args(Format):
        raise UsageError(f"There is no format {fmt!r}.", "Choose html, json or csv.")
    if room is None and not listing:
        raise UsageError("A report needs a room.", "`liveshop report --list` lists them.")
    with reading(load_settings(store=store).store) as opened:
        if listing:
            _list(list_rooms(opened), as_json=as_json)
            return
        content = render(opened, str(room), _format(fmt), currency)
    _write(content, out)


def _format(name: str) -> Format:
    return "html" if name == "html" else "json" if name == "json" else "csv"


def _write(content: str | bytes, out: Path | None) -> None:
    raw = content.encode() if isinstance(content, str) else content
    if out is None:
        sys.stdout.buffer.write(raw)
        sys.stdout.flush()
        return
    try:
        out.write_bytes(raw)
    except OSError as error:
        raise UsageError(
            f"{out} cannot be written: {error.strerror}.", "Name another file with --out."
        ) from None
    console.print(f"wrote {out}")


def _list(rooms: list[RoomListing], *, as_json: bool) -> None:
    if as_json:
        say(msgspec.json.encode(rooms).decode())
        return
    table = Table("room", "brand", "title", "KOL", "started (UTC)", "views", "orders")
    for room in rooms:
        started = room.started_at_ms
        table.add_row(
            room.room_id,
            room.brand,
            room.title,
            room.kol_id,
            f"{datetime.fromtimestamp(started / 1_000, UTC):%Y-%m-%d %H:%M}" if started else "",
            f"{room.views:,}",
            f"{room.orders:,}",
        )
    console.print(table)
    for room in rooms if not console.is_terminal else ():
        say(room.room_id)
