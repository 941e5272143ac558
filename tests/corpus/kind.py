"""What the corpus is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.topics import Topic

FOLDED: Final = "folded"
DUPLICATE: Final = "duplicate"

#: The room of every record of the corpus that has one, and the currency of its money: no sound
#: show of the tests uses them.
ROOM: Final = "corpus"
CURRENCY: Final = "ISK"
KEY: Final = ROOM.encode()


@dataclass(frozen=True)
class Sent:
    """One record and what must become of it.

    Attributes:
        value: its bytes; ``None`` for a tombstone.
        fate: ``folded``, ``duplicate``, or the reason for which it is dead-lettered.
        key: its Kafka key.
    """

    value: bytes | None
    fate: str
    key: bytes | None = KEY

    @property
    def is_dead(self) -> bool:
        """Whether it goes to the dead letters."""
        return self.fate not in {FOLDED, DUPLICATE}


@dataclass(frozen=True)
class Kind:
    """One way in which input goes wrong.

    Attributes:
        name: what is wrong.
        topic: where it arrives.
        records: in the order in which they arrive.
        why: why that fate, where it is not plain.
        gmv_minor: what its folded orders add to the room's GMV.
        refund_minor: what its folded refunds add.
    """

    name: str
    topic: Topic
    records: tuple[Sent, ...]
    why: str = ""
    gmv_minor: int = 0
    refund_minor: int = 0

    @property
    def fates(self) -> tuple[str, ...]:
        """The different fates of its records, in the order in which they are met."""
        return tuple(dict.fromkeys(sent.fate for sent in self.records))

    @property
    def size(self) -> int:
        """Bytes of all its records."""
        return sum(len(sent.value or b"") for sent in self.records)
