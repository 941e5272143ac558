"""The store: whether it answers, its tables, and its clock."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agents.stores.errors import UNKNOWN_DATABASE, ServerRefused
from liveshop.checks.finding import Finding
from liveshop.credentials import store_address
from liveshop.settings import Settings
from liveshop.stores import embedded_directory, holds_store, need_schema, opened
from schemas.errors import LiveshopError, UsageError
from schemas.store import Store, StoreError

#: Records with a clock this far off would be quarantined, or look late.
_CLOCK_LIMIT_S: Final = 5.0
_CREATED: Final = "The first worker creates it."


def check_store(settings: Settings) -> Iterator[Finding]:
    """Whether there is a store that a worker can use. Creates none."""
    try:
        address = store_address(settings)
    except LiveshopError as error:
        yield _refusal(error)
        return
    directory = embedded_directory(address)
    if directory is not None and not holds_store(directory):
        yield _place_for_store(directory)
        return
    try:
        with opened(address) as store:
            yield from _look(store, own_clock=directory is not None)
    except LiveshopError as error:
        yield _refusal(error)
    except StoreError as error:
        yield Finding(
            what="store",
            state="failure",
            found=str(error),
            advice="Check the address in LIVESHOP_STORE or --store.",
        )


def _look(store: Store, *, own_clock: bool) -> Iterator[Finding]:
    began = time.time()
    row = store.query("SELECT version() AS version, toUnixTimestamp(now()) AS clock")[0]
    apart_s = abs(int(row["clock"]) - (began + time.time()) / 2)
    yield Finding(what="store", state="ok", found=f"ClickHouse {row['version']}")
    yield _tables(store)
    if not own_clock:
        fine = apart_s <= _CLOCK_LIMIT_S
        yield Finding(
            what="clock",
            state="ok" if fine else "warning",
            found=f"{apart_s:.0f} s apart from the store's",
            advice="" if fine else "Set the clocks by NTP.",
        )


def _tables(store: Store) -> Finding:
    try:
        version = need_schema(store)
    except UsageError as error:
        return Finding(what="tables", state="warning", found=error.sentence, advice=error.hint)
    return Finding(what="tables", state="ok", found=f"version {version}")


def _refusal(error: LiveshopError) -> Finding:
    cause = error.__cause__
    if isinstance(cause, ServerRefused) and cause.code == UNKNOWN_DATABASE:
        return Finding(what="store", state="warning", found=error.sentence, advice=_CREATED)
    if isinstance(error.__context__, BlockingIOError):  # the directory's lock
        return Finding(
            what="store",
            state="warning",
            found=error.sentence,
            advice="A worker that runs is a good reason; nothing else can read it meanwhile.",
        )
    return Finding(what="store", state="failure", found=error.sentence, advice=error.hint)


def _place_for_store(directory: Path) -> Finding:
    place = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    if place.is_dir() and os.access(place, os.W_OK):
        return Finding(
            what="store",
            state="warning",
            found=f"There is no store in {directory} yet.",
            advice=_CREATED,
        )
    return Finding(
        what="store",
        state="failure",
        found=f"{place} is no directory that you may write to.",
        advice="Name another one with --store chdb://DIRECTORY.",
    )
