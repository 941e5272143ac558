"""Where compiled kernels are kept between two processes.

Compiling them takes 10 to 20 s, loading them 0.2 s. They are kept in the user's cache, in a folder
whose name is a hash of their sources: numba itself looks only at the age of the file that a
function stands in, and would go on with a kernel whose helpers have changed.

``make`` compiles everything when it installs (:func:`compile_all`).
"""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

_SOURCES = Path(__file__).parents[1] / "streams"
_SCHEMAS = Path(__file__).parents[1] / "schemas"


def keep_compiled() -> None:
    """Tell numba the folder; must come before the kernels are imported.

    ``NUMBA_CACHE_DIR`` is respected. Where no folder can be made, kernels are compiled anew in each
    process.
    """
    if os.environ.get("NUMBA_CACHE_DIR"):
        return
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "liveshop" / f"compiled-{_digest()}"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["NUMBA_CACHE_DIR"] = str(folder)


def _digest() -> str:
    digest = hashlib.sha256(version("numba").encode())
    for source in sorted((*_SOURCES.rglob("*.py"), *_SCHEMAS.glob("*.py"))):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def compile_all() -> float:
    """Compile what is not kept yet; the seconds that it took."""
    from streams.batch import Batch
    from streams.catalog import FOLDS
    from streams.columnar.texts import framed, packed_texts
    from streams.windows import WindowPolicy

    began = time.perf_counter()
    for topic, fold_class in FOLDS.items():
        fold = fold_class(0, WindowPolicy())
        fold.fold(Batch(topic, 0, 0, 1, [0], [0], [b"{}"], [None]))
        fold.take()
    framed([""])
    packed_texts([""])
    return time.perf_counter() - began
