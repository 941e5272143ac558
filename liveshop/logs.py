"""What is logged, and where: a command says little, a worker keeps a log."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import Final

from schemas.errors import LiveshopError

#: Names of our loggers begin with one of these.
_OURS: Final = frozenset(
    {"agents", "benchmarks", "liveshop", "producers", "reports", "schemas", "streams"}
)

#: Different complaints that are told apart; some contain an address or a number.
_COMPLAINTS_KEPT: Final = 256


def is_ours(record: logging.LogRecord) -> bool:
    """Whether a record comes from a module of ours rather than from a library."""
    return record.name.partition(".")[0] in _OURS


def is_no_login(record: logging.LogRecord) -> bool:
    """Whether a record can be shown: aiokafka logs every request, a login with its password too."""
    return record.name != "aiokafka.conn" or not any(
        type(part).__name__.startswith("SaslAuthenticate") for part in record.args or ()
    )


def log_warnings() -> None:
    """For a command: our own warnings, and nothing of the libraries.

    What goes wrong in a library reaches the user as an error of ours, once, in a sentence.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("liveshop: %(message)s"))
    handler.addFilter(is_ours)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


class Throttle:
    """A filter that lets the same complaint of a library through once per interval.

    What it left out meanwhile is counted, and said the next time. While no broker answers, aiokafka
    complains tens of times a second.

    Args:
        interval_s: how often a complaint may be heard.
        clock: seconds, monotonic.
    """

    def __init__(
        self, interval_s: float = 10.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval_s = interval_s
        self._clock = clock
        #: Complaint → when it was heard, and how often it was left out since; the oldest first.
        self._heard: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged; adds to it how many before it were not."""
        if record.levelno < logging.WARNING or is_ours(record):
            return True
        complaint = (record.name, str(record.msg))
        now_s = self._clock()
        heard_s, left_out = self._heard.get(complaint, (-math.inf, 0))
        if now_s - heard_s < self._interval_s:
            self._heard[complaint] = (heard_s, left_out + 1)
            return False
        self._heard.pop(complaint, None)
        self._heard[complaint] = (now_s, 0)
        if len(self._heard) > _COMPLAINTS_KEPT:
            del self._heard[next(iter(self._heard))]
        if left_out:
            record.msg = f"{record.getMessage()} ({left_out} more like it were left out)"
            record.args = None
        return True


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
        handler.addFilter(is_no_login)
        handler.addFilter(Throttle())
        logging.basicConfig(level=level.upper(), handlers=[handler], force=True)

    def _passes(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], LiveshopError):
            return False  # Faust logs it with a traceback; the command ends with its sentence.
        return self.with_libraries or is_ours(record)
