"""How to reach a store, and how patiently to retry."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from agents.stores.values import PLAIN_NAME
from schemas.errors import UsageError

ADDRESS_HINT: Final = (
    "write clickhouse://USER:PASSWORD@HOST:9000/DATABASE (clickhouses:// for TLS), "
    "with special characters percent-encoded, or chdb://DIRECTORY"
)


@dataclass(frozen=True)
class ClickHouseSettings:
    """One ClickHouse server and one database on it.

    Attributes:
        host: name or address.
        port: of the native protocol; 0 means 9440 with TLS and 9000 without.
        database: created by ``ensure_schema`` if it is missing.
        user: the login.
        password: its secret; kept out of ``repr`` and of every error.
        secure: speak TLS.
        verify: with TLS, check the server's certificate and its host name.
        ca_certs: file of the authorities to trust; empty means the usual public ones.
        certfile: file of a client certificate, where the server wants one; empty for none.
        keyfile: file of that certificate's private key.
        server_hostname: the name in the certificate, if it is not ``host``.
        connect_timeout_seconds: for connecting, the login and each ping.
        timeout_seconds: for each answer from the server.
    """

    host: str = "localhost"
    port: int = 0
    database: str = "liveshop"
    user: str = "default"
    password: str = field(default="", repr=False)
    secure: bool = False
    verify: bool = True
    ca_certs: str = ""
    certfile: str = ""
    keyfile: str = ""
    server_hostname: str = ""
    connect_timeout_seconds: float = 5.0
    timeout_seconds: float = 60.0

    def __post_init__(self) -> None:
        """Refuse a database name that would need quoting.

        Raises:
            UsageError: it is no plain word.
        """
        if not PLAIN_NAME.fullmatch(self.database):
            raise UsageError(
                f"{self.database!r} cannot be the name of the store's database",
                "use letters, digits and underscores",
            )

    @property
    def address(self) -> str:
        """``host:port`` for messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port or (9440 if self.secure else 9000)}"


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential waits with full jitter between attempts.

    Attributes:
        first_wait_seconds: upper bound of the first wait; it doubles with each attempt.
        max_wait_seconds: upper bound of any wait.
        total_seconds: give up after this long; ``None`` means never.
    """

    first_wait_seconds: float = 0.1
    max_wait_seconds: float = 10.0
    total_seconds: float | None = None


#: What stands before the question mark of a DSN; the other settings stand after it.
_POSITIONAL: Final = ("host", "port", "database", "user", "password")
_OPTIONS: Final = tuple(
    field.name for field in fields(ClickHouseSettings) if field.name not in _POSITIONAL
)


def clickhouse_settings(dsn: str) -> ClickHouseSettings:
    """Read ``clickhouse://user:password@host:port/database?secure=1&verify=0&ca_certs=FILE``.

    ``clickhouses://`` means ``secure=1``. Percent escapes are decoded. What is left out keeps the
    default of ``ClickHouseSettings``, whose other fields may all stand after the question mark.

    Raises:
        UsageError: it cannot be read. The sentence never repeats the DSN, which holds a password.
    """
    try:
        parts = urlsplit(dsn)
        given: dict[str, str | int | None] = {
            "host": parts.hostname,
            "port": parts.port,
            "database": parts.path.strip("/"),
            "user": parts.username,
            "password": parts.password,
        }
    except ValueError:  # its message quotes a part of the DSN, so it is not chained
        raise UsageError("the store's address cannot be read", ADDRESS_HINT) from None
    values: dict[str, str | int | bool] = {
        name: unquote(value) if isinstance(value, str) else value
        for name, value in given.items()
        if value
    }
    values["secure"] = parts.scheme == "clickhouses"
    for name, text in parse_qsl(parts.query, keep_blank_values=True):
        if name not in _OPTIONS:
            raise UsageError(
                f"the store's address has an unknown option {name!r}",
                f"the options are {', '.join(_OPTIONS)}",
            )
        values[name] = text
    try:
        return msgspec.convert(values, ClickHouseSettings, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"the store's address has a bad option: {error}", ADDRESS_HINT) from error
