"""Counts what is handed to Kafka while it is handed over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from producers.publisher import Publisher
from producers.record import Kind, OutRecord

_DISTINCT: Final = frozenset({Kind.EVENT, Kind.LATE})


class Meter:
    """A sink that passes records on and adds up the orders among them.

    Args:
        publisher: where they go.

    Attributes:
        gmv_minor: currency → what the distinct paid orders so far come to.
        orders: how many there are.
    """

    def __init__(self, publisher: Publisher) -> None:
        self.gmv_minor: Counter[str] = Counter()
        self.orders = 0
        self._publisher = publisher

    async def send(self, records: Sequence[OutRecord]) -> None:
        """Hand records over, in order."""
        await self._publisher.send(records)
        for record in records:
            event = record.event
            if event is not None and record.kind in _DISTINCT and event["type"] == "order_paid":
                self.gmv_minor[event["currency"]] += event["paid_minor"]
                self.orders += 1

    async def flush(self) -> None:
        """Wait until everything that was handed over has arrived."""
        await self._publisher.flush()

    @property
    def ends(self) -> dict[tuple[str, int], int]:
        """(topic, partition) → end of its log, as far as Kafka has acknowledged."""
        return self._publisher.ends
