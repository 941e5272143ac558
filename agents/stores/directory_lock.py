"""One process per data directory: chDB itself would corrupt a directory opened twice."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from pathlib import Path
from typing import Final

from agents.stores.errors import StoreMissing

_FILE_NAME: Final = "liveshop.lock"
_registry = threading.Lock()
_held: dict[Path, tuple[int, int]] = {}  # directory → file descriptor, number of users


def acquire(directory: Path) -> None:
    """Take the directory for this process; several stores of one process share it.

    The lock is the kernel's: it ends with the process, however that ends.

    Raises:
        StoreMissing: another process has it, or this process has another directory open, or the
            directory cannot be written.
    """
    with _registry:
        if directory in _held:
            descriptor, users = _held[directory]
            _held[directory] = descriptor, users + 1
            return
        if _held:
            (other,) = _held
            raise StoreMissing(
                f"this process has the data directory {other} open and cannot open {directory} too",
                "close the first store, or use another process",
            )
        try:
            directory.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(directory / _FILE_NAME, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StoreMissing(
                f"the data directory {directory} cannot be used: {error.strerror}",
                "name a directory that you may write",
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise StoreMissing(
                f"the data directory {directory} is in use by process {owner or '(unknown)'}",
                "end that process, or name another directory",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        _held[directory] = descriptor, 1


def release(directory: Path) -> None:
    """Give it back; the last user of this process frees it for others."""
    with _registry:
        descriptor, users = _held[directory]
        if users > 1:
            _held[directory] = descriptor, users - 1
            return
        del _held[directory]
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
        os.close(descriptor)
