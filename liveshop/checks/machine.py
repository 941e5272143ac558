"""The port of the live page, and the disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Final

from liveshop.checks.finding import Finding
from liveshop.ports import need_port
from liveshop.settings import Settings
from schemas.errors import LiveshopError

_LEAST_FREE_BYTES: Final = 2 * 1024**3


def check_port(settings: Settings) -> Iterator[Finding]:
    """Whether the live page could listen."""
    try:
        need_port(settings.host, settings.port)
    except LiveshopError as error:
        yield Finding(what="port", state="failure", found=error.sentence, advice=error.hint)
    else:
        yield Finding(what="port", state="ok", found=f"{settings.port} is free")


def check_disk(settings: Settings) -> Iterator[Finding]:
    """Whether there is room for runs."""
    directory = settings.data_dir.absolute()
    place = next(path for path in (directory, *directory.parents) if path.exists())
    free = shutil.disk_usage(place).free
    fine = free >= _LEAST_FREE_BYTES
    yield Finding(
        what="disk",
        state="ok" if fine else "warning",
        found=f"{free / 1024**3:.1f} GB free in {place}",
        advice="" if fine else "Free some, or name another place with LIVESHOP_DATA_DIR.",
    )
