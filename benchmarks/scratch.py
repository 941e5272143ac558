"""Where a run keeps its files: in memory, if there is a file system for that.

A store that is given rows five times a second makes some five hundred files a second. On ext4 each of
them is looked for among the inodes that were freed in the last minutes, so a run on disk feels how many
files the run *before* it has left to delete: a fifth of all CPU time, when it was measured.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - what is made there has a name of its own
#: Records, their rows and a broker's log of the largest run, and as much again.
_LEAST_FREE: Final = 8 * 2**30


def scratch_root() -> Path:
    """``TMPDIR`` where it is set, the machine's memory where there is enough, else the usual place."""
    if not os.environ.get("TMPDIR") and _has_room(_MEMORY):
        return _MEMORY
    return Path(tempfile.gettempdir())


def _has_room(directory: Path) -> bool:
    try:
        return os.access(directory, os.W_OK) and shutil.disk_usage(directory).free >= _LEAST_FREE
    except OSError:
        return False


@contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """A new directory there; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix=prefix, dir=scratch_root()) as name:
        yield Path(name)
