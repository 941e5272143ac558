"""The broker, our topics on it, and how far the workers are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from liveshop.checks.finding import Finding
from liveshop.credentials import kafka_security
from liveshop.drain import Lag
from liveshop.settings import Settings
from schemas.errors import LiveshopError, Unavailable
from schemas.topics import ALL_TOPICS

#: For everything together, so that the doctor answers within 10 s.
_PATIENCE_S: Final = 6.0


def check_kafka(settings: Settings) -> Iterator[Finding]:
    """Whether Kafka answers, has our topics as they are wanted, and what waits in them."""
    try:
        topics, lag = asyncio.run(_look(settings))
    except LiveshopError as error:
        yield Finding(what="Kafka", state="failure", found=error.sentence, advice=error.hint)
        return
    yield Finding(what="Kafka", state="ok", found=f"{settings.brokers} answers")
    yield _topics(topics, settings.asked_partitions)
    yield Finding(
        what="lag",
        state="warning" if lag else "ok",
        found=f"{lag:,} records wait for group {settings.group}",
        advice="Start a worker, or wait for it." if lag else "",
    )


async def _look(settings: Settings) -> tuple[dict[str, int], int]:
    try:
        lag = Lag(settings.brokers, settings.group, kafka_security(settings))
        async with asyncio.timeout(_PATIENCE_S), lag:
            return lag.topics(), await lag.measure()
    except TimeoutError:
        raise Unavailable(
            f"Kafka at {settings.brokers} did not answer within {_PATIENCE_S:.0f} s.",
            "Look at its log, and at the firewalls on the way.",
        ) from None


def _topics(found: dict[str, int], wanted: int | None) -> Finding:
    missing = [topic.name for topic in ALL_TOPICS if topic.name not in found]
    if missing:
        return Finding(
            what="topics",
            state="warning",
            found=f"{', '.join(missing)} missing",
            advice="The first worker or replay creates them.",
        )
    counts = ", ".join(f"{name} x {number}" for name, number in sorted(found.items()))
    if wanted is not None and set(found.values()) != {wanted}:
        return Finding(
            what="topics",
            state="failure",
            found=f"{counts}, not x {wanted}",
            advice="Unset LIVESHOP_PARTITIONS to use them as they are.",
        )
    return Finding(what="topics", state="ok", found=counts)
