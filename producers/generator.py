"""A seeded show: from a profile to the records that a producer would have sent.

The same profile, seed, scale and start give the same records in the same order, however fast they
are taken. A shorter run sends the same records up to its end; then everybody leaves, what was
held back is sent, and the rooms close.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import orjson

from producers import profile as profiles
from producers.announcer import Announcer
from producers.audience import Audience
from producers.batch import Batch
from producers.catalogue import Catalogue
from producers.delays import Delayed, DelayQueue
from producers.keys import record_key
from producers.noise import Noise
from producers.programme import Programme
from producers.record import Kind, OutRecord
from producers.seeds import Ids
from schemas.errors import UsageError
from schemas.events import EARLIEST_EVENT_MS, LATEST_EVENT_MS
from schemas.topics import ROOMS

_LARGEST_SCALE: Final = 1_000_000.0
_KINDS: Final = {kind.value: kind for kind in Kind}


class Show:
    """A show that can be replayed any number of times.

    Args:
        profile: the scenario.
        seed: any integer from 0 up.
        scale: factor on the arrival rates and on the size of the crowd.
        start_ms: event time of the first moment, epoch milliseconds; the profile's by default.

    Raises:
        UsageError: a number is out of range.
    """

    def __init__(
        self,
        profile: profiles.Profile,
        seed: int = 1,
        scale: float = 1.0,
        start_ms: int | None = None,
    ) -> None:
        if seed < 0:
            raise UsageError(f"The seed {seed} is below 0.", "Any integer from 0 up will do.")
        if not 0 < scale <= _LARGEST_SCALE:
            raise UsageError(
                f"The scale {scale:g} is not between 0 and {_LARGEST_SCALE:,.0f}.",
                "1 is the profile's own size; 0.1 is a tenth of its viewers.",
            )
        start_ms = profile.start_ms if start_ms is None else start_ms
        if not EARLIEST_EVENT_MS <= start_ms <= LATEST_EVENT_MS - 2 * profile.duration_ms:
            raise UsageError(
                f"A show cannot start at {start_ms} ms.",
                "Give epoch milliseconds between the years 2020 and 2099.",
            )
        self._profile = profile
        self._seed = seed
        self._scale = scale
        self._start_ms = start_ms
        self._catalogue = Catalogue(profile, seed)
        self._programme = Programme(profile, self._catalogue, seed)
        # Noise is left out: it must not change what an event is called.
        self._identity = f"{seed} {scale!r} {start_ms} {profile.model_dump_json(exclude={'noise'})}"

    @property
    def profile(self) -> profiles.Profile:
        """The scenario."""
        return self._profile

    @property
    def name(self) -> str:
        """The profile's name."""
        return self._profile.name

    @property
    def seed(self) -> int:
        """The seed of the random numbers."""
        return self._seed

    @property
    def scale(self) -> float:
        """The factor on the profile's arrival rates."""
        return self._scale

    @property
    def start_ms(self) -> int:
        """Event time of the first moment, epoch milliseconds."""
        return self._start_ms

    @property
    def end_ms(self) -> int:
        """Event time of the last moment, epoch milliseconds."""
        return self._start_ms + self._profile.duration_ms

    @property
    def default_speed(self) -> float:
        """Seconds of event time per second of wall time, unless told otherwise."""
        return self._profile.default_speed

    def records(self, until_ms: int | None = None) -> Iterator[OutRecord]:
        """The records in the order in which they are sent; each call starts anew.

        Args:
            until_ms: event time at which the run is cut; the end of the show by default.
        """
        until_ms = self.end_ms if until_ms is None else min(until_ms, self.end_ms)
        if until_ms <= self._start_ms:
            return
        ids = Ids(self._identity)
        announcer = Announcer(self._profile, self._start_ms, ids, self._catalogue, self._programme)
        audience = Audience(
            self._profile,
            self._seed,
            self._scale,
            self._start_ms,
            ids,
            self._catalogue,
            self._programme,
        )
        slice_ms = audience.slice_ms
        noise = Noise(self._profile.noise, self._seed, self._identity)
        queue = DelayQueue(self._start_ms, slice_ms, until_ms)
        endings = announcer.endings(until_ms)
        queue.put_few(
            [
                (
                    event["occurred_at_ms"],
                    -order,
                    ROOMS.name,
                    record_key(event),
                    event,
                    Kind.EVENT.value,
                )
                for order, event in enumerate(endings, 1)
                if event["occurred_at_ms"] < until_ms
            ]
        )
        for index in range(-(-(until_ms - self._start_ms) // slice_ms)):
            batch = Batch()
            announcer.draw(batch, index * slice_ms, (index + 1) * slice_ms)
            facts = len(batch)
            audience.draw(batch, index, until_ms)
            noise.send(queue, batch, facts, index, until_ms)
            for entry in queue.take(index):
                yield _record(entry, entry[0])
        for entry in queue.rest():
            yield _record(entry, until_ms)
        for event in endings:
            if event["occurred_at_ms"] >= until_ms:
                value = orjson.dumps(event)
                yield OutRecord(until_ms, ROOMS.name, record_key(event), value, Kind.EVENT, event)


def _record(entry: Delayed, due_ms: int) -> OutRecord:
    _due_ms, _sequence, topic, key, content, number = entry
    kind = _KINDS[number]
    if isinstance(content, bytes):
        return OutRecord(due_ms, topic, key, content, kind, None)
    return OutRecord(due_ms, topic, key, orjson.dumps(content), kind, content)
