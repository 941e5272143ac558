"""A directory per run, so that a second demo in the same folder begins afresh."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import Unavailable

#: How many runs are kept.
_KEPT = 3
_PREFIX = "run-"


@contextmanager
def run_directory(data_dir: Path) -> Iterator[Path]:
    """Create ``data_dir/run-N`` and keep ``data_dir`` for this process while the block runs.

    The newest runs are kept, and ``data_dir/latest`` points to this one.

    Raises:
        Unavailable: the directory cannot be used, or another process has it.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(data_dir / "in-use", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise _unusable(data_dir, error) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
            raise Unavailable(
                f"The data directory {data_dir} is in use by process {owner or '(unknown)'}.",
                "Wait for it to end, or name another directory with --data-dir.",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        try:
            run = _new_run(data_dir)
        except OSError as error:
            raise _unusable(data_dir, error) from None
        yield run
    finally:
        os.close(descriptor)


def _unusable(data_dir: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"The data directory {data_dir} cannot be used: {error.strerror}.",
        "Name a directory that you may write with --data-dir.",
    )


def _new_run(data_dir: Path) -> Path:
    numbers = sorted(
        int(path.name.removeprefix(_PREFIX))
        for path in data_dir.glob(f"{_PREFIX}*")
        if path.name.removeprefix(_PREFIX).isdigit()
    )
    for number in numbers[: max(0, len(numbers) - _KEPT + 1)]:
        shutil.rmtree(data_dir / f"{_PREFIX}{number}", ignore_errors=True)
    run = data_dir / f"{_PREFIX}{numbers[-1] + 1 if numbers else 1}"
    run.mkdir()
    latest = data_dir / "latest"
    latest.unlink(missing_ok=True)
    latest.symlink_to(run.name)
    return run
