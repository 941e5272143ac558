"""What goes wrong on the way to a topic: disorder, lateness, duplicates, garbage.

Noise has random numbers of its own: it decides when and how often a record is sent, and never
what it says.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from producers import profile as profiles
from producers.batch import Batch
from producers.delays import Delayed, DelayQueue
from producers.garbage import MAKERS, Sound
from producers.record import Kind
from producers.seeds import Concern, Ids, generator
from schemas.topics import ROOMS

#: Sequence numbers per event: its own, that of garbage beside it, and that of its copy.
_STRIDE: Final = 3


class Noise:
    """Hands the events of one slice after the other to a delay queue."""

    def __init__(self, settings: profiles.Noise, seed: int, identity: str) -> None:
        self._settings = settings
        self._seed = seed
        self._ids = Ids(f"garbage {identity}")
        self._sequence = 0

    def send(self, queue: DelayQueue, batch: Batch, facts: int, index: int, until_ms: int) -> None:
        """Decide when each event of a slice arrives, and queue it.

        Args:
            queue: where the records go.
            batch: the events of the slice.
            facts: how many events at its head are facts about rooms, which are never late.
            index: number of the slice.
            until_ms: events after this moment are not sent.
        """
        settings = self._settings
        rng = generator(self._seed, Concern.NOISE, index)
        count = len(batch)
        occurred_ms = batch.occurred_ms()
        delay_ms = rng.random(count) * settings.disorder_ms
        late = rng.random(count) < settings.late
        late[:facts] = False
        delay_ms += np.where(late, rng.uniform(*settings.late_ms, count), 0.0)
        due_ms = occurred_ms + delay_ms.astype(np.int64)
        twice = rng.random(count) < settings.duplicates
        again_ms = due_ms + rng.uniform(*settings.duplicate_delay_ms, count).astype(np.int64)
        spoiled = rng.random(count) < settings.unreadable
        maker = rng.integers(0, len(MAKERS), count)

        sequence = range(self._sequence, self._sequence + _STRIDE * count, _STRIDE)
        self._sequence += _STRIDE * count
        happens = occurred_ms <= until_ms
        kinds = np.where(late, Kind.LATE.value, Kind.EVENT.value).tolist()
        entries: list[Delayed] = list(
            zip(
                due_ms.tolist(),
                sequence,
                batch.topics,
                batch.keys,
                batch.events,
                kinds,
                strict=True,
            )
        )
        queue.put(entries, due_ms, np.flatnonzero(happens))
        copies = np.flatnonzero(twice & happens).tolist()
        queue.put_few(
            [
                (int(again_ms[i]), entries[i][1] + 2, *entries[i][2:5], Kind.DUPLICATE.value)
                for i in copies
            ]
        )
        # Named before the cut of the run is looked at, which must not rename what comes before it.
        places = np.flatnonzero(spoiled).tolist()
        garbage = zip(places, self._ids.take(len(places), "x-"), strict=True)
        queue.put_few(
            [self._spoil(entries[i], int(maker[i]), name) for i, name in garbage if happens[i]]
        )

    def _spoil(self, beside: Delayed, maker: int, event_id: str) -> Delayed:
        """A garbage record that arrives together with a sound one of the same room."""
        due_ms, sequence, _topic, _key, event, _kind = beside
        assert not isinstance(event, bytes)  # only sound events are drawn  # noqa: S101
        room_id = event["room_id"]
        _name, topic, make = MAKERS[maker]
        value = make(Sound(room_id, event["occurred_at_ms"], event_id))
        # In the compacted topic garbage must not take the key of a fact, or it would replace it.
        key = f"{room_id}:{event_id}" if topic == ROOMS.name else room_id
        return due_ms, sequence + 1, topic, key.encode(), value, Kind.UNREADABLE.value
