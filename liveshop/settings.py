"""Settings: ``LIVESHOP_*`` environment variables, read and checked once at the start."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.errors import UsageError
from schemas.kafka_security import Mechanism, Protocol
from streams.windows import WindowPolicy

_PREFIX = "LIVESHOP_"

#: Variables that are read elsewhere, by tools of a checkout.
_NO_SETTINGS: Final = frozenset({"LIVESHOP_KAFKA_HOME"})

_IN_CAPITALS: Final = BeforeValidator(lambda name: str(name).upper())
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], _IN_CAPITALS]


class Settings(BaseSettings):
    """Everything that can be set from outside; the command line overrides it.

    Every field is the environment variable ``LIVESHOP_`` + its name in capitals. Secrets are put
    together and read from their files in :mod:`liveshop.credentials`; here they are masked.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_ignore_empty=True, extra="ignore", frozen=True
    )

    brokers: str = Field("127.0.0.1:9092", description="Kafka, host:port[,host:port…]")
    kafka_security_protocol: Annotated[Protocol, _IN_CAPITALS] = Field(
        "PLAINTEXT", description="what Kafka's listener speaks"
    )
    kafka_sasl_mechanism: Annotated[Mechanism, _IN_CAPITALS] = Field(
        "SCRAM-SHA-512", description="how user and password are proven to Kafka"
    )
    kafka_user: str = Field("", description="Kafka's user, with SASL_*")
    kafka_password: SecretStr = Field(SecretStr(""), description="of Kafka's user")
    kafka_password_file: Path | None = Field(None, description="file with that password")
    kafka_ca_file: Path | None = Field(
        None, description="PEM file of the authorities to trust; the system's by default"
    )
    kafka_cert_file: Path | None = Field(None, description="PEM file of a client certificate")
    kafka_key_file: Path | None = Field(None, description="PEM file of its private key")
    store: SecretStr = Field(
        SecretStr("clickhouse://127.0.0.1:9000/liveshop"),
        description="clickhouse://user:password@host:port/database, clickhouses:// for TLS, "
        "or chdb:///directory",
    )
    store_password: SecretStr = Field(SecretStr(""), description="of the store's user")
    store_password_file: Path | None = Field(None, description="file with that password")
    group: str = Field("liveshop", description="consumer group of the workers")
    partitions: int = Field(4, ge=1, le=1_000, description="partitions of new topics")
    host: str = Field("127.0.0.1", description="address of the live page")
    port: int = Field(8080, ge=0, le=65_535, description="port of the live page")
    http_token: SecretStr = Field(
        SecretStr(""), description="what the live page, its figures and /metrics ask for"
    )
    http_token_file: Path | None = Field(None, description="file with that token")
    data_dir: Path = Field(Path("data"), description="directory of the embedded store")

    flush_interval_ms: int = Field(1_000, ge=50, le=60_000)
    window_ms: int = Field(10_000, ge=1_000, le=60_000)
    allowed_lateness_ms: int = Field(30_000, ge=0)
    max_ahead_ms: int = Field(300_000, ge=0)
    dedup_ids: int = Field(250_000, ge=1)
    max_buffered: int = Field(20_000, ge=1)
    max_unflushed: int = Field(400_000, ge=1)
    session_timeout_s: float = Field(
        6.0,
        gt=0,
        allow_inf_nan=False,
        description="without a heartbeat for so long, a worker's partitions go to the others; "
        "brokers refuse less than 6 s unless told otherwise",
    )
    rebalance_timeout_s: float = Field(6.0, gt=0, allow_inf_nan=False)
    start_wait_s: float = Field(
        120.0,
        ge=0,
        allow_inf_nan=False,
        description="for how long a worker that starts waits for a broker or store that is away",
    )
    stall_s: float = Field(120.0, gt=0, allow_inf_nan=False)
    log_level: LogLevel = Field("WARNING", description="of the worker's log on standard error")

    @property
    def asked_partitions(self) -> int | None:
        """``partitions`` if somebody set it; ``None`` to take the topics as they are."""
        return self.partitions if "partitions" in self.model_fields_set else None

    @property
    def local_host(self) -> str:
        """Where this machine finds the live page."""
        return "127.0.0.1" if self.host in {"0.0.0.0", "::", ""} else self.host  # noqa: S104

    def policy(self) -> WindowPolicy:
        """The window policy.

        Raises:
            UsageError: a window that cannot be.
        """
        try:
            return WindowPolicy(
                window_ms=self.window_ms,
                allowed_lateness_ms=self.allowed_lateness_ms,
                max_ahead_ms=self.max_ahead_ms,
                dedup_ids=self.dedup_ids,
            )
        except ValueError as error:
            raise UsageError(f"{error}.", "Set LIVESHOP_WINDOW_MS to 10000, for example.") from None


def load_settings(**options: object) -> Settings:
    """Read the environment; options of the command line that are not ``None`` win over it.

    Raises:
        UsageError: a value that cannot be.
    """
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        name = _option(field) if field in given else variable(field)
        reason = first["msg"][:1].lower() + first["msg"][1:]
        raise UsageError(
            f"{name} cannot be {first['input']!r}: {reason}.",
            "Correct it, or leave it out for the default.",
        ) from None


def unknown_variables() -> dict[str, str]:
    """``LIVESHOP_*`` variables that nobody reads → the one that may have been meant, or nothing."""
    known = [*(variable(field) for field in Settings.model_fields), *_NO_SETTINGS]
    return {
        name: next(iter(difflib.get_close_matches(name, known, n=1)), "")
        for name in sorted(os.environ)
        if name.startswith(_PREFIX) and name not in known
    }


def variable(field: str) -> str:
    """The environment variable of a setting."""
    return _PREFIX + field.upper()


def _option(field: str) -> str:
    return "--" + field.replace("_", "-")
