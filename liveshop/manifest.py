"""The truth manifest as a file that a user names."""

from __future__ import annotations

from pathlib import Path

import msgspec

from schemas.errors import UsageError
from schemas.truth import Truth, read_truth

_HINT = "`liveshop replay … --truth FILE` writes one."


def read_manifest(path: Path) -> Truth:
    """Read a manifest.

    Raises:
        UsageError: there is none, or it is something else.
    """
    try:
        return read_truth(path)
    except OSError as error:
        raise UsageError(
            f"The truth manifest {path} cannot be read: {error.strerror}.", _HINT
        ) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(f"The file {path} is not a truth manifest: {error}.", _HINT) from None


def need_writable(path: Path | None) -> None:
    """Refuse a file that cannot be written, before a long run; ``None`` is always fine.

    Raises:
        UsageError: it cannot; the file is as it was.
    """
    if path is None:
        return
    existed = path.exists()
    try:
        with path.open("ab"):
            pass
    except OSError as error:
        raise _unwritable(path, error) from None
    if not existed:
        path.unlink()


def write_manifest(path: Path, truth: Truth) -> None:
    """Write a manifest.

    Raises:
        UsageError: the file cannot be written (any more).
    """
    try:
        path.write_bytes(truth.to_json())
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"The truth manifest {path} cannot be written: {error.strerror}.",
        "Name a file with --truth in a directory that exists and that you may write to.",
    )
