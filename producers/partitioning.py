"""Where a key goes, as Kafka's own clients would choose."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from aiokafka.partitioner import DefaultPartitioner

_PARTITIONER: Final = DefaultPartitioner()


@lru_cache(maxsize=65_536)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key (murmur2), among ``partitions``."""
    return int(_PARTITIONER(key, range(partitions), None))
