"""NDJSON recordings of a show: one line per record, plain or gzipped (``.gz``).

A line is one of::

    {"type": "order_paid", ...}                                    an event; due when it happened
    {"due_ms": ..., "topic": ..., "key": ..., "value": {...}}      a record that holds an event
    {"due_ms": ..., "topic": ..., "key": ..., "raw": "<base64>"}   a record that holds any bytes

Empty lines are skipped. A file is checked to its last line before anything of it is sent.
"""

from __future__ import annotations

import gzip
import zlib
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Final, Literal, cast

import orjson

from producers.keys import record_key
from producers.record import Kind, OutRecord
from schemas.errors import UsageError
from schemas.events import EARLIEST_EVENT_MS, LATEST_EVENT_MS
from schemas.topics import EVENT_TOPICS, TOPIC_OF_TYPE

_TOPICS: Final = frozenset(topic.name for topic in EVENT_TOPICS)
_HINT: Final = (
    "Each line must be one event as in schemas/json, or a record with due_ms, topic, key and "
    "value; `liveshop record FILE` writes such files."
)

#: Half the time of gzip's default level, for files a tenth larger.
_GZIP_LEVEL: Final = 3


class Recording:
    """A recorded show. Reads the file as a stream, twice: to check it, and to send it.

    Args:
        path: the file.

    Raises:
        UsageError: the file cannot be read, is empty, or has a line that is no record.
    """

    seed: None = None
    scale: None = None

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._start_ms, self._end_ms = self._limits()

    @property
    def name(self) -> str:
        """The file's path."""
        return str(self._path)

    @property
    def start_ms(self) -> int:
        """The earliest due time in the file, epoch milliseconds."""
        return self._start_ms

    @property
    def end_ms(self) -> int:
        """The latest due time in the file, epoch milliseconds."""
        return self._end_ms

    @property
    def default_speed(self) -> float:
        """As fast as it happened."""
        return 1.0

    def records(self, until_ms: int | None = None) -> Iterator[OutRecord]:
        """The records in the order of the file; each call starts anew.

        Args:
            until_ms: leave out what is due after this moment.
        """
        for record in _read(self._path):
            if until_ms is None or record.due_ms <= until_ms:
                yield record

    def _limits(self) -> tuple[int, int]:
        """The earliest and the latest due time. Reads, and so checks, the whole file."""
        earliest, latest = LATEST_EVENT_MS, 0
        for record in _read(self._path):
            earliest, latest = min(earliest, record.due_ms), max(latest, record.due_ms)
        if not latest:
            raise UsageError(f"The recording {self._path} is empty.", _HINT)
        return earliest, latest


def write_recording(path: str | Path, records: Iterable[OutRecord]) -> int:
    """Write records to a file, gzipped if its name ends in ``.gz``. Blocks on the disk.

    Returns:
        How many records were written.

    Raises:
        UsageError: the file cannot be written.
    """
    target = Path(path)
    written = 0
    try:
        with _open(target, "wb") as file:
            for record in records:
                file.write(_line(record))
                written += 1
    except OSError as error:
        raise UsageError(
            f"The recording {target} cannot be written: {error.strerror or error}.",
            "Give a path in a directory that exists and that you may write to.",
        ) from error
    return written


def _line(record: OutRecord) -> bytes:
    head = {"due_ms": record.due_ms, "topic": record.topic, "key": record.key.decode()}
    # Only bytes that come back exactly may be written as JSON: `1.0`, spaces or escapes might not.
    if record.event is not None and orjson.dumps(record.event) == record.value:
        return orjson.dumps({**head, "value": record.event}, option=orjson.OPT_APPEND_NEWLINE)
    raw = b64encode(record.value).decode()
    return orjson.dumps({**head, "raw": raw}, option=orjson.OPT_APPEND_NEWLINE)


def _read(path: Path) -> Iterator[OutRecord]:
    """Yield the records of a file, and refuse the first line that is none."""
    number = 0
    try:
        with _open(path, "rb") as file:
            for line in file:
                number += 1
                if not line.isspace():
                    yield _record(line)
    except _BadLineError as error:
        raise UsageError(f"In {path}, line {number} {error}.", _HINT) from error
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"The recording {path} cannot be read: {reason}.",
            "Give the path of an NDJSON file, plain or .gz.",
        ) from error


def _open(path: Path, mode: Literal["rb", "wb"]) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path, mode, compresslevel=_GZIP_LEVEL))
    return path.open(mode)


class _BadLineError(Exception):
    """A line is no record; the message goes on from "line 7 …"."""


def _record(line: bytes) -> OutRecord:
    try:
        content = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise _BadLineError(f"is not JSON ({error})") from error
    if not isinstance(content, dict):
        raise _BadLineError("is not a JSON object")
    if "topic" in content and "type" not in content:
        return _from_envelope(content)
    return _from_event(content, line)


def _from_event(event: dict[str, Any], line: bytes) -> OutRecord:
    topic = TOPIC_OF_TYPE.get(str(event.get("type")))
    if topic is None:
        raise _BadLineError(f"has no known event type (it says {event.get('type')!r})")
    for field in ("room_id", "event_id"):
        if not isinstance(event.get(field), str):
            raise _BadLineError(f"lacks {field}")
    due_ms = _due(event.get("occurred_at_ms"), "occurred_at_ms")
    return OutRecord(due_ms, topic.name, record_key(event), line.strip(), Kind.RECORDED, event)


def _from_envelope(content: dict[str, Any]) -> OutRecord:
    topic, key = content["topic"], content.get("key")
    if not isinstance(topic, str) or topic not in _TOPICS:
        raise _BadLineError(f"names {topic!r}, which is no topic of events")
    if not isinstance(key, str):
        raise _BadLineError("lacks key")
    due_ms = _due(content.get("due_ms"), "due_ms")
    if isinstance(value := content.get("value"), dict):
        return OutRecord(due_ms, topic, key.encode(), orjson.dumps(value), Kind.RECORDED, value)
    if not isinstance(raw := content.get("raw"), str):
        raise _BadLineError("lacks both value and raw")
    try:
        decoded = b64decode(raw, validate=True)
    except Base64Error as error:
        raise _BadLineError(f"has raw bytes that are not base64 ({error})") from error
    return OutRecord(due_ms, topic, key.encode(), decoded, Kind.RECORDED, None)


def _due(due_ms: object, field: str) -> int:
    if type(due_ms) is not int or not EARLIEST_EVENT_MS <= due_ms < LATEST_EVENT_MS:
        raise _BadLineError(f"has no usable {field} (epoch milliseconds, an integer)")
    return due_ms
