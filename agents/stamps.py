"""The timestamp of what a worker puts on Kafka: that of the record it comes from.

Kafka refuses records that are more than an hour ahead of its own clock. A worker whose clock runs
ahead would have everything refused, and so would one that passes on the time of a record whose
producer's clock did. So the earlier of the two counts.
"""

from __future__ import annotations

import time


def stamp(appended_ms: int) -> float:
    """Seconds since the epoch, for a message about a record.

    Args:
        appended_ms: the record's broker timestamp, epoch milliseconds.
    """
    return min(appended_ms / 1_000, time.time())
