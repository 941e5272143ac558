"""Settings: ``LIVESHOP_*`` environment variables, read and checked once at the start."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from agents.app import AppConfig
from agents.pipeline import PipelineConfig
from agents.worker import WorkerConfig
from schemas.errors import UsageError
from streams.windows import WindowPolicy


class Settings(BaseSettings):
    """Everything that can be set from outside; the command line overrides it.

    Every field is the environment variable ``LIVESHOP_`` + its name in capitals.
    """

    model_config = SettingsConfigDict(env_prefix="LIVESHOP_", extra="ignore", frozen=True)

    brokers: str = Field("127.0.0.1:9092", description="Kafka, host:port[,host:port…]")
    store: str = Field(
        "clickhouse://127.0.0.1:9000/liveshop",
        description="clickhouse://user:password@host:port/database, clickhouses:// for TLS, "
        "or chdb:///directory",
    )
    group: str = Field("liveshop", description="consumer group of the workers")
    partitions: int = Field(4, ge=1, le=1_000, description="partitions of new topics")
    host: str = Field("127.0.0.1", description="address of the live page")
    port: int = Field(8080, ge=0, le=65_535, description="port of the live page")
    data_dir: Path = Field(Path("data"), description="directory of the embedded store")

    flush_interval_ms: int = Field(1_000, ge=50, le=60_000)
    window_ms: int = Field(10_000, ge=1_000, le=60_000)
    allowed_lateness_ms: int = Field(30_000, ge=0)
    max_ahead_ms: int = Field(300_000, ge=0)
    dedup_ids: int = Field(250_000, ge=1)
    max_buffered: int = Field(20_000, ge=1)
    max_unflushed: int = Field(400_000, ge=1)
    session_timeout_s: float = Field(10.0, gt=0)
    rebalance_timeout_s: float = Field(6.0, gt=0)
    stall_s: float = Field(120.0, gt=0)
    log_level: str = Field("WARNING", description="of the worker's log on standard error")

    def worker(self) -> WorkerConfig:
        """What the worker is told of all this.

        Raises:
            UsageError: a window that cannot be.
        """
        try:
            policy = WindowPolicy(
                window_ms=self.window_ms,
                allowed_lateness_ms=self.allowed_lateness_ms,
                max_ahead_ms=self.max_ahead_ms,
                dedup_ids=self.dedup_ids,
            )
        except ValueError as error:
            raise UsageError(f"{error}.", "Set LIVESHOP_WINDOW_MS to 10000, for example.") from None
        return WorkerConfig(
            app=AppConfig(
                group=self.group,
                brokers=self.brokers,
                partitions=self.partitions,
                session_timeout_s=self.session_timeout_s,
                rebalance_timeout_s=self.rebalance_timeout_s,
            ),
            pipeline=PipelineConfig(
                flush_interval_ms=self.flush_interval_ms,
                max_buffered=self.max_buffered,
                max_unflushed=self.max_unflushed,
            ),
            policy=policy,
            host=self.host,
            port=self.port,
            stall_s=self.stall_s,
        )


def load_settings(**overrides: object) -> Settings:
    """Read the environment; arguments that are not ``None`` win over it.

    Raises:
        UsageError: a value that cannot be.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = "LIVESHOP_" + "_".join(str(part) for part in first["loc"]).upper()
        raise UsageError(
            f"{name} cannot be {first['input']!r}: {first['msg']}.",
            "Correct the setting, or unset it for the default.",
        ) from None
