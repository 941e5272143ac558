"""Creates the topics that are missing, and checks those that are there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import NoError, TopicAlreadyExistsError, for_code

from producers.connection import answering
from schemas.errors import Unavailable, UsageError
from schemas.kafka_security import PLAINTEXT, KafkaSecurity
from schemas.topics import ALL_TOPICS, KOL_TOTALS

logger = logging.getLogger(__name__)

DEFAULT_PARTITIONS: Final = 4
_APPEAR_TIMEOUT_S: Final = 15.0


async def ensure_topics(
    bootstrap: str,
    partitions: int | None = None,
    *,
    replication_factor: int = 1,
    security: KafkaSecurity = PLAINTEXT,
) -> dict[str, int]:
    """Create the topics of the pipeline that do not exist yet, and wait until they do.

    Args:
        bootstrap: ``HOST:PORT``, or several with commas in between.
        partitions: of each event topic; ``None`` takes existing topics as they are, and creates
            missing ones with ``DEFAULT_PARTITIONS``. :data:`schemas.topics.KOL_TOTALS` has one.
        replication_factor: of the topics that are created.
        security: how to connect.

    Returns:
        topic → number of its partitions.

    Raises:
        Unavailable: no broker answers, or a new topic does not appear.
        UsageError: an existing topic has another number of partitions than was asked for, or the
            broker refuses to create one.
    """
    if partitions is not None and not 1 <= partitions <= 1_000:
        raise UsageError(
            f"{partitions} partitions cannot be had.", "Give a number from 1 to 1,000."
        )
    wanted = {
        **{topic.name: partitions or DEFAULT_PARTITIONS for topic in ALL_TOPICS},
        KOL_TOTALS: 1,
    }
    compacted = {topic.name for topic in ALL_TOPICS if topic.compacted}
    async with _admin(bootstrap, security) as admin:
        async with answering(bootstrap, security):
            found = await _existing(admin, list(wanted))
        missing = [
            NewTopic(
                name,
                count,
                replication_factor,
                topic_configs={"cleanup.policy": "compact"} if name in compacted else {},
            )
            for name, count in wanted.items()
            if name not in found
        ]
        if missing:
            await _create(admin, missing)
            found = await _appeared(admin, list(wanted))
    if partitions is not None:
        _check(found, wanted)
    return {name: found[name] for name in wanted}


async def existing_topics(bootstrap: str, *, security: KafkaSecurity = PLAINTEXT) -> dict[str, int]:
    """The topics of the pipeline that the broker has → number of their partitions.

    Asked of the broker, because a client's own metadata need not know a topic that it does not use.

    Raises:
        Unavailable: no broker answers.
    """
    async with _admin(bootstrap, security) as admin, answering(bootstrap, security):
        return await _existing(admin, [*(topic.name for topic in ALL_TOPICS), KOL_TOTALS])


@asynccontextmanager
async def _admin(bootstrap: str, security: KafkaSecurity) -> AsyncIterator[Any]:
    admin = None
    try:
        async with answering(bootstrap, security):
            admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **security.client_arguments())
            await admin.start()
        yield admin
    finally:
        if admin is not None:
            await admin.close()


async def _create(admin: Any, topics: list[NewTopic]) -> None:
    logger.info("Creating topics: %s", ", ".join(topic.name for topic in topics))
    response = await admin.create_topics(topics)
    for name, code, *detail in response.topic_errors:
        error = for_code(code)
        if error in (NoError, TopicAlreadyExistsError):
            continue
        reason = next((text for text in detail if text), error.__name__)
        raise UsageError(
            f"The broker refuses to create the topic {name}: {reason.rstrip('.')}.",
            "Create it by hand, or give the user of this connection the right to.",
        )


async def _existing(admin: Any, names: list[str]) -> dict[str, int]:
    present = set(await admin.list_topics()) & set(names)
    if not present:
        return {}
    described = await admin.describe_topics(sorted(present))
    return {
        topic["topic"]: len(topic["partitions"])
        for topic in described
        if topic["error_code"] == 0 and topic["partitions"]
    }


async def _appeared(admin: Any, names: list[str]) -> dict[str, int]:
    """Wait until the broker's metadata knows all topics; real brokers take a moment."""
    try:
        async with asyncio.timeout(_APPEAR_TIMEOUT_S):
            while len(found := await _existing(admin, names)) < len(names):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise Unavailable(
            f"The broker did not create its topics within {_APPEAR_TIMEOUT_S:.0f} s.",
            "Look at the broker's log.",
        ) from error
    return found


def _check(found: dict[str, int], wanted: dict[str, int]) -> None:
    for name, count in wanted.items():
        if found[name] != count:
            raise UsageError(
                f"The topic {name} has {found[name]} partitions, not {count}.",
                "Leave the number out to use it as it is, or delete the topic first: "
                "a change would move rooms between partitions.",
            )
