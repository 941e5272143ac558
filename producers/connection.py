"""What is common to every connection that producers open to Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiokafka.errors import KafkaError

from schemas.errors import Unavailable, UsageError

#: aiokafka alone would wait for 40 s on a host that swallows packets.
CONNECT_TIMEOUT_S: Final = 8.0


@asynccontextmanager
async def answering(bootstrap: str) -> AsyncIterator[None]:
    """Turn a broker that does not answer in time into one clear sentence.

    Raises:
        Unavailable: nothing answers there, or what answers is no Kafka broker.
        UsageError: the address is not of the form ``HOST:PORT``.
    """
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            yield
    except (KafkaError, OSError, TimeoutError) as error:
        raise Unavailable(
            f"No Kafka broker answers at {bootstrap}.",
            "Start it, or give its address in LIVESHOP_BROKERS.",
        ) from error
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{bootstrap!r} is not an address of a Kafka broker.",
            "Give HOST:PORT, or several of them with commas in between.",
        ) from error
