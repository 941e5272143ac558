"""The Faust app: one agent per topic, one for the leaderboard. Composition only."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from dataclasses import dataclass

import faust
from faust.types import TP

from agents.deadletters import MAX_REQUEST_BYTES, DeadLetterMail
from agents.leaderboard import LeaderboardAgent, totals_messages
from agents.pipeline import Pipeline
from agents.stamps import stamp
from schemas.kafka_security import PLAINTEXT, KafkaSecurity
from schemas.topics import DEAD_LETTERS, EVENT_TOPICS, KOL_TOTALS, Topic
from streams.fold import AnyBatch, Taken


@dataclass(frozen=True, slots=True)
class AppConfig:
    """How the app finds Kafka and behaves in its consumer group.

    Attributes:
        group: consumer group; workers with the same group share the partitions.
        brokers: ``host:port`` of one or more brokers, separated by commas.
        security: how to connect to them; for the producer as well.
        partitions: partitions of the event topics, for those that are created.
        session_timeout_s: after this long without a heartbeat a worker has lost its partitions.
        rebalance_timeout_s: how long the group waits for its members.
        start_wait_s: for how long a broker that is away at the start is waited for.
        max_poll_records: records in one fetch, over all partitions.
        max_fetch_bytes: bytes in one fetch, per partition.
        datadir: where Faust may put files.
    """

    group: str = "liveshop"
    brokers: str = "127.0.0.1:9092"
    security: KafkaSecurity = PLAINTEXT
    partitions: int = 4
    session_timeout_s: float = 6.0
    rebalance_timeout_s: float = 6.0
    start_wait_s: float = 0.0
    max_poll_records: int = 10_000
    max_fetch_bytes: int = 4 * 1024 * 1024
    datadir: str = "/tmp"  # noqa: S108 - nothing is written there without tables


def create_app(config: AppConfig, pipeline: Pipeline, board: LeaderboardAgent) -> faust.App:
    """Compose the app. It is started and stopped by :mod:`agents.worker`."""
    app = faust.App(
        config.group,
        broker=[f"liveshop://{address}" for address in config.brokers.split(",")],
        broker_credentials=_credentials(config.security),
        store="memory://",
        datadir=config.datadir,
        web_enabled=False,
        topic_disable_leader=True,
        topic_partitions=config.partitions,
        topic_replication_factor=1,
        stream_wait_empty=False,
        stream_buffer_maxsize=4_096,
        broker_commit_interval=0.5,
        broker_session_timeout=config.session_timeout_s,
        broker_rebalance_timeout=config.rebalance_timeout_s,
        # Not only a sign of life: the answer tells that the others are rebalancing.
        broker_heartbeat_interval=min(1.0, config.session_timeout_s / 3),
        broker_max_poll_records=config.max_poll_records,
        broker_check_crcs=True,
        # A topic that was deleted is missed, and one that was created anew is found, this soon.
        consumer_metadata_max_age_ms=10_000,
        consumer_max_fetch_size=config.max_fetch_bytes,
        consumer_auto_offset_reset="earliest",
        producer_acks=-1,
        producer_max_request_size=MAX_REQUEST_BYTES,
    )
    app.transport.positions = pipeline
    app.transport.start_wait_s = config.start_wait_s
    for topic in EVENT_TOPICS:
        _fold_agent(app, pipeline, topic)
    totals = app.topic(
        KOL_TOTALS, partitions=1, key_serializer="raw", value_serializer="json", allow_empty=True
    )
    app.agent(totals, name="leaderboard")(board.consume)

    async def on_revoked(_: faust.App, revoked: set[TP], **__: object) -> None:
        if any(tp.topic == KOL_TOTALS for tp in revoked):
            board.forget()

    app.on_partitions_revoked.connect(on_revoked, weak=False)
    pipeline.publish = _publisher(app)
    return app


def _credentials(security: KafkaSecurity) -> faust.auth.Credentials | None:
    if security.logs_in:
        return faust.SASLCredentials(
            mechanism=security.mechanism,
            username=security.user,
            password=security.password,
            ssl_context=security.tls,
        )
    return None if security.tls is None else faust.SSLCredentials(security.tls)


def _fold_agent(app: faust.App, pipeline: Pipeline, topic: Topic) -> None:
    """One agent that folds one topic. It never acknowledges; the checkpoint does."""
    channel = app.topic(
        topic.name,
        compacting=topic.compacted,
        deleting=not topic.compacted,
        key_serializer="raw",
        value_serializer="raw",
        allow_empty=True,
    )

    async def fold(batches: AsyncIterable[AnyBatch]) -> None:
        async for batch in batches.noack():  # type: ignore[attr-defined]
            await pipeline.fold(batch)

    app.agent(channel, name=f"fold-{topic.name}")(fold)


def _publisher(app: faust.App) -> Callable[[Sequence[Taken]], Awaitable[None]]:
    dead_letters = app.topic(
        DEAD_LETTERS.name, key_serializer="raw", value_serializer="raw", allow_empty=True
    )
    totals = app.topic(KOL_TOTALS, partitions=1, key_serializer="raw", value_serializer="raw")

    async def publish(taken: Sequence[Taken]) -> None:
        letters = DeadLetterMail(dead_letters.send)
        sent = []
        for one in taken:
            origin = (one.checkpoint.topic, str(one.checkpoint.partition))
            for letter in one.dead_letters:
                await letters.post(*origin, letter)
            key, at = "/".join(origin).encode(), stamp(one.appended_ms)
            for message in totals_messages(one):
                sent.append(await totals.send(key=key, value=message, timestamp=at))
        for receipt in sent:
            await receipt
        await letters.delivered()

    return publish
