"""The counting sink: where every peer's updated rows go, and where the clock is read.

It keeps the newest row of each key, for the comparison with the truth, and notes every flush in
``flushes.ndjson``::

    {"at_s": monotonic seconds, "cpu_s": of this process, "rows": so far, "counted": so far}

The first line is written when a program has its first record, the next ones when a flush has been
counted.
When everything expected has arrived, or nothing has come for 10 s, ``rows.json`` is written, and
the run is over.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable
from itertools import repeat
from typing import Final

from benchmarks.peers.programs.job import Job

#: room, product, start of the window (ms), GMV (minor units), orders, units, likes, clicks: all
#: absolute values, as they stand now.
Row = tuple[str, str, int, int, int, int, int, int]

#: Rows come once a second; so long without any is the end.
_QUIET_S: Final = 10.0


class CountingSink:
    """Counts rows. May be called from any thread."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._lock = threading.Lock()
        self._latest: dict[tuple[object, str, str, int], tuple[int, ...]] = {}
        self._rows = self._counted = 0
        self._moved_at = 0.0
        self._begun = self._over = False
        self._flushes = (job.directory / "flushes.ndjson").open("a", buffering=1)
        threading.Thread(target=self._watch, daemon=True).start()

    def begin(self) -> None:
        """Start the clock: the first record is here. Later calls do nothing."""
        if self._begun:
            return
        with self._lock:
            self._begun = True
            self._note()

    def write(self, rows: Iterable[Row], parts: Iterable[object] = repeat(None)) -> None:
        """Take the rows of one flush, the newest last; later ones replace earlier ones.

        Args:
            rows: any number.
            parts: one for each row, from systems that keep the sums of several topics or partitions
                apart. A row replaces those of its own part; whoever reads adds the parts up.
        """
        latest = self._latest
        with self._lock:
            before = self._rows
            for part, (room, product, window, *figures) in zip(parts, rows, strict=False):
                key = (part, room, product, window)
                known = latest.get(key)
                # Orders, likes and clicks: every event adds to one of them.
                self._counted += figures[1] + figures[3] + figures[4]
                if known is not None:
                    self._counted -= known[1] + known[3] + known[4]
                latest[key] = tuple(figures)
                self._rows += 1
            if self._rows != before:
                self._flushed()

    def count(self, records: int) -> None:
        """For a reader that makes no rows: so many records more."""
        with self._lock:
            self._counted += records
            self._flushed()

    def _flushed(self) -> None:
        if not self._begun:
            raise RuntimeError("rows before begin()")
        self._moved_at = time.monotonic()
        self._note()
        if self._counted >= self._job.expected:
            self._finish()

    def _note(self) -> None:
        line = {
            "at_s": time.monotonic(),
            "cpu_s": time.process_time(),
            "rows": self._rows,
            "counted": self._counted,
        }
        self._flushes.write(json.dumps(line) + "\n")

    def _watch(self) -> None:
        while not self._over:
            time.sleep(0.5)
            with self._lock:
                if self._moved_at and time.monotonic() - self._moved_at > _QUIET_S:
                    self._finish()

    def _finish(self) -> None:
        if self._over:
            return
        self._over = True
        rows = [[*key[1:], *figures] for key, figures in self._latest.items()]
        draft = self._job.directory / "rows.draft"
        draft.write_text(json.dumps({"counted": self._counted, "rows": rows}))
        draft.replace(self._job.directory / "rows.json")
