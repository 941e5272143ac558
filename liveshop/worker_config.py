"""What a worker is told of the settings. Apart from them, because it loads Faust."""

from __future__ import annotations

from agents.app import AppConfig
from agents.pipeline import PipelineConfig
from agents.worker import WorkerConfig
from liveshop.credentials import http_token, kafka_security
from liveshop.settings import Settings


def worker_config(settings: Settings) -> WorkerConfig:
    """Translate the settings.

    Raises:
        UsageError: a window that cannot be, or a secret's or certificate's file.
    """
    return WorkerConfig(
        app=AppConfig(
            group=settings.group,
            brokers=settings.brokers,
            security=kafka_security(settings),
            partitions=settings.partitions,
            session_timeout_s=settings.session_timeout_s,
            rebalance_timeout_s=settings.rebalance_timeout_s,
            start_wait_s=settings.start_wait_s,
        ),
        pipeline=PipelineConfig(
            flush_interval_ms=settings.flush_interval_ms,
            max_buffered=settings.max_buffered,
            max_unflushed=settings.max_unflushed,
        ),
        policy=settings.policy(),
        host=settings.host,
        port=settings.port,
        token=http_token(settings),
        stall_s=settings.stall_s,
    )
