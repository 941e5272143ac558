"""Sums over spans of event time that end now, for many subjects at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from streams.columns import Ints

_DAY: Final = 86_400


class SpanSums:
    """Sums per subject for each of some spans, brought forward as time goes on.

    What a span has left behind is taken off its sums again, so windows are kept until no span that is
    a length can lose them; then they are added up by day.

    Args:
        width: figures of a subject.
        spans: name → length in seconds, ``None`` for one that a day or nothing begins.
    """

    def __init__(self, width: int, spans: Mapping[str, int | None]) -> None:
        self._width = width
        self._longest = max(seconds for seconds in spans.values() if seconds is not None)
        #: Window → subjects, and ``int64[width, m]`` of them.
        self._windows: dict[int, tuple[Ints, Ints]] = {}
        self._since = dict.fromkeys(spans, 0)
        self._totals: dict[str, Ints] = {
            span: np.zeros((width, 0), dtype=np.int64) for span in spans
        }

    @property
    def windows(self) -> int:
        """Windows and days that are told apart."""
        return len(self._windows)

    def total(self, span: str, subjects: int) -> Ints:
        """``int64[width, subjects]``: the sums over a span."""
        self._make_room(subjects)
        return self._totals[span][:, :subjects]

    def add(self, subjects: Ints, windows: Ints, gained: Ints) -> None:
        """Add to some subjects' windows.

        Args:
            subjects: ``int64[n]``, rising from 0 without large holes.
            windows: ``int64[n]``, epoch seconds.
            gained: ``int64[width, n]``.
        """
        if not len(subjects):
            return
        order = np.lexsort((subjects, windows))
        subjects, windows, gained = subjects[order], windows[order], gained[:, order]
        begins = _changes(subjects, windows)
        gained = np.add.reduceat(gained, begins, axis=1)
        subjects, windows = subjects[begins], windows[begins]
        self._make_room(int(subjects.max()) + 1)
        for begin, end in _runs(windows):
            window, run = int(windows[begin]), slice(begin, end)
            for span, since in self._since.items():
                if window >= since:
                    self._totals[span][:, subjects[run]] += gained[:, run]
            self._add_to_window(window, subjects[run], gained[:, run])

    def _add_to_window(self, window: int, subjects: Ints, gained: Ints) -> None:
        if (held := self._windows.get(window)) is not None:
            subjects = np.concatenate((held[0], subjects))
            gained = np.concatenate((held[1], gained), axis=1)
            order = np.argsort(subjects, kind="stable")
            subjects = subjects[order]
            begins = _changes(subjects)
            gained = np.add.reduceat(gained[:, order], begins, axis=1)
            subjects = subjects[begins]
        self._windows[window] = subjects.astype(np.int32), _narrowed(gained)

    def go_on(self, since: Mapping[str, int]) -> None:
        """Let each span begin later; one that would begin earlier stays as it is."""
        for span, begin in since.items():
            before = self._since[span]
            for window in [one for one in self._windows if before <= one < begin]:
                subjects, sums = self._windows[window]
                self._totals[span][:, subjects] -= sums
            self._since[span] = max(before, begin)

    def settle(self, now: int) -> None:
        """Add up by day what no span that is a length will lose any more; bounds the memory."""
        lost = now - self._longest
        for window in [one for one in self._windows if one < lost and one % _DAY]:
            subjects, sums = self._windows.pop(window)
            self._add_to_window(window - window % _DAY, subjects, sums)

    def _make_room(self, subjects: int) -> None:
        held = next(iter(self._totals.values())).shape[1]
        if subjects > held:
            more = np.zeros((self._width, max(subjects, 2 * held) - held), dtype=np.int64)
            self._totals = {
                span: np.concatenate((sums, more), axis=1) for span, sums in self._totals.items()
            }


def _changes(*columns: Ints) -> Ints:
    """Where equal values begin, in columns that are sorted."""
    differs = np.ones(len(columns[0]), dtype=np.bool_)
    differs[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return np.flatnonzero(differs)


def _runs(values: Ints) -> list[tuple[int, int]]:
    begins = _changes(values).tolist()
    return list(zip(begins, [*begins[1:], len(values)], strict=True))


def _narrowed(values: Ints) -> Ints:
    """The same numbers in as few bytes as they need."""
    kind = np.promote_types(np.min_scalar_type(values.min()), np.min_scalar_type(values.max()))
    return values.astype(kind) if kind.kind in "iu" else values
