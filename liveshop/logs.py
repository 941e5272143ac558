"""What is logged, and where: a command says little, a worker keeps a log."""

from __future__ import annotations

import logging
from typing import Final

from schemas.errors import LiveshopError

#: Names of our loggers begin with one of these.
_OURS: Final = frozenset(
    {"agents", "benchmarks", "liveshop", "producers", "reports", "schemas", "streams"}
)


def is_ours(record: logging.LogRecord) -> bool:
    """Whether a record comes from a module of ours rather than from a library."""
    return record.name.partition(".")[0] in _OURS


def log_warnings() -> None:
    """For a command: our own warnings, and nothing of the libraries.

    What goes wrong in a library reaches the user as an error of ours, once, in a sentence.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("liveshop: %(message)s"))
    handler.addFilter(is_ours)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


class WorkerLog:
    """A worker's log on standard error.

    Libraries are silent while the worker starts, for what they meet then ends in a sentence of
    ours; once it works, they are part of the log.

    Args:
        level: name of a level, in any case.
    """

    def __init__(self, level: str) -> None:
        self.with_libraries = level.upper() in {"DEBUG", "INFO"}
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        handler.addFilter(self._passes)
        logging.basicConfig(level=level.upper(), handlers=[handler], force=True)

    def _passes(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], LiveshopError):
            return False  # Faust logs it with a traceback; the command ends with its sentence.
        return self.with_libraries or is_ours(record)
