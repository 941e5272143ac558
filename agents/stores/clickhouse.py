"""A ClickHouse server, over its native protocol."""

from __future__ import annotations

import logging
import re
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from clickhouse_driver import errors as driver

from agents.stores.config import ClickHouseSettings
from agents.stores.errors import (
    LOGIN_CODES,
    RIGHTS_CODES,
    UNKNOWN_DATABASE,
    ServerRefused,
    StoreMisconfigured,
    StoreMissing,
    first_line,
    from_code,
)
from agents.stores.migrations import apply_migrations
from agents.stores.native_blocks import NativeClient
from agents.stores.values import fill_in, row_count
from schemas.store import Column, Params, Row, StoreRejected, StoreUnavailable

# The driver logs every refused connection with a traceback; the errors raised here say it once.
logging.getLogger("clickhouse_driver.connection").setLevel(logging.ERROR)

#: The first version that may acknowledge an insert before it is stored, if its profile says so.
_ASYNC_INSERT_SINCE: Final = (21, 11, 0)
#: What the driver raises when the network or the server goes away.
_NETWORK_ERRORS: Final = (
    OSError,
    EOFError,
    driver.NetworkError,
    driver.SocketTimeoutError,
    driver.UnexpectedPacketFromServerError,
    driver.UnknownPacketFromServerError,
    driver.ChecksumDoesntMatchError,
)
#: What the driver raises for values that do not fit their column.
_VALUE_ERRORS: Final = (
    AttributeError,
    TypeError,
    ValueError,
    OverflowError,
    struct.error,
    driver.Error,
)
#: A connection that was used this recently is not asked whether it is still there: a flush would ask
#: before each of its tables.
_RESTED_S: Final = 0.5
#: The driver keeps the text of what TLS refuses, and not its type.
_UNTRUSTED: Final = re.compile(r"certificate verify failed: (.+?)\.? \(_ssl")


class ClickHouseStore:
    """The ``Store`` interface over one connection, opened when it is first needed.

    After any error the connection is thrown away and the next call opens another one: a half-read
    answer must not be taken for the answer to a later question.

    Args:
        settings: where the server is and how to log in.
    """

    def __init__(self, settings: ClickHouseSettings) -> None:
        self._settings = settings
        self._client: NativeClient | None = None
        self._used_at = 0.0
        self._has_answered = False
        self._closed = False

    def __repr__(self) -> str:
        return f"ClickHouseStore({self._settings!r})"

    def ensure_schema(self) -> None:
        """Create the database if it is missing, and apply the migrations it has not seen.

        Raises:
            StoreMissing: no server answers (also a ``schemas.errors.Unavailable``).
            StoreMisconfigured: the login is refused, or the user may not create what is missing.
            StoreUnavailable, StoreRejected: as for ``query``.
        """
        try:
            self._login()
        except ServerRefused as error:
            if error.code != UNKNOWN_DATABASE:
                raise
            self._create_database()
        apply_migrations(self, self._run)

    def insert(self, table: str, columns: Mapping[str, Column]) -> None:
        """Insert equally long columns as one block; see ``schemas.store.Store.insert``."""
        if row_count(table, columns) == 0:
            return
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES"
        with self._connected() as client:
            version = client.connection.server_info.version_tuple()
            settings = {"async_insert": 0} if version >= _ASYNC_INSERT_SINCE else {}
            client.execute(sql, list(columns.values()), columnar=True, settings=settings)

    def query(self, sql: str, params: Params | None = None) -> list[Row]:
        """Run one SELECT; see ``schemas.store.Store.query``."""
        filled_in = fill_in(sql, params)
        with self._connected() as client:
            rows, columns = client.execute(filled_in, with_column_types=True)
            server_zone = ZoneInfo(client.connection.server_info.get_timezone() or "UTC")
        names = [name for name, _ in columns]
        if any("DateTime" in kind for _, kind in columns):
            rows = [[_to_utc(value, server_zone) for value in row] for row in rows]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def close(self) -> None:
        """Close the connection; closing twice does nothing."""
        self._closed = True
        self._disconnect()

    def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()

    def _run(self, statement: str) -> None:
        with self._connected("may not create the tables") as client:
            client.execute(statement)

    def _create_database(self) -> None:
        with self._translated("may not create the database"):
            client = self._open(database="")
            try:
                client.execute(f"CREATE DATABASE IF NOT EXISTS {self._settings.database}")
            finally:
                client.disconnect()

    @contextmanager
    def _connected(self, without_right: str = "lacks a right") -> Iterator[NativeClient]:
        """A live connection for one call; ``without_right`` is said of a user who may not."""
        try:
            client = self._login()
        except ServerRefused as error:
            if error.code == UNKNOWN_DATABASE:
                raise StoreMisconfigured(
                    f"ClickHouse at {self._settings.address} has no database "
                    f"{self._settings.database!r}",
                    "a worker creates it when it starts",
                ) from error
            raise
        with self._translated(without_right):
            yield client
        self._used_at = time.monotonic()

    def _login(self) -> NativeClient:
        """The connection, opened anew if it is closed, or no longer answers after a while."""
        if self._closed:
            raise StoreRejected("the store has been closed")
        has_rested = time.monotonic() - self._used_at > _RESTED_S
        if self._client is not None and has_rested and not _answers(self._client):
            self._disconnect()
        if self._client is None:
            with self._translated():
                self._client = self._open(self._settings.database)
        return self._client

    def _open(self, database: str) -> NativeClient:
        settings = self._settings
        files = {
            "ca_certs": settings.ca_certs,
            "certfile": settings.certfile,
            "keyfile": settings.keyfile,
        }
        for name, file in files.items():
            _need_readable(name, file)
        tls = {**files, "server_hostname": settings.server_hostname}
        client = NativeClient(
            settings.host,
            port=settings.port or None,
            database=database,
            user=settings.user,
            password=settings.password,
            client_name="liveshop",
            secure=settings.secure,
            verify=settings.verify,
            connect_timeout=settings.connect_timeout_seconds,
            sync_request_timeout=settings.connect_timeout_seconds,
            # Bounds the login too: a server that is stopped still accepts connections.
            send_receive_timeout=settings.connect_timeout_seconds,
            **{name: value for name, value in tls.items() if value},
        )
        try:
            client.connect()
        except driver.ServerException as error:
            client.disconnect()
            if error.code in LOGIN_CODES:
                raise self._misconfigured("cannot log in", first_line(str(error))) from error
            raise
        except _NETWORK_ERRORS as error:
            client.disconnect()
            if self._has_answered:
                raise
            if isinstance(error, EOFError) and database and self._answers_without_database():
                raise self._lacks_right(
                    f"may not use the database {database!r}", "the server hangs up"
                ) from None
            if untrusted := _UNTRUSTED.search(str(error)):
                raise StoreMisconfigured(
                    f"the certificate of the ClickHouse server at {settings.address} cannot be "
                    f"trusted: {untrusted[1]}",
                    "name the file of its authority in the store's address: ?ca_certs=FILE",
                ) from error
            raise StoreMissing(
                f"no ClickHouse server answers at {settings.address}",
                f"start one, or correct the store's address ({_network_reason(error)})",
            ) from error
        client.connection.socket.settimeout(settings.timeout_seconds)
        self._has_answered = True
        return client

    def _answers_without_database(self) -> bool:
        """Old servers hang up without a word on a user who may not see a database."""
        try:
            self._open(database="").disconnect()
        except (StoreUnavailable, StoreRejected, driver.Error, EOFError, OSError):
            return False
        self._has_answered = False
        return True

    def _lacks_right(self, to: str, reason: str) -> StoreMisconfigured:
        return self._misconfigured(to, f"docs/security.md lists the rights it needs ({reason})")

    def _misconfigured(self, what: str, hint: str) -> StoreMisconfigured:
        return StoreMisconfigured(
            f"user {self._settings.user!r} {what} at {self._settings.address}", hint
        )

    @contextmanager
    def _translated(self, without_right: str = "lacks a right") -> Iterator[None]:
        """Turn the driver's errors into ours, and throw the connection away after any."""
        try:
            yield
        except BaseException as error:
            self._disconnect()
            match error:
                case StoreUnavailable() | StoreRejected():
                    raise
                case driver.ServerException() if error.code in RIGHTS_CODES:
                    reason = first_line(error.message)
                    raise self._lacks_right(without_right, reason) from error
                case driver.ServerException():
                    raise from_code(error.code, error.message) from error
                case _ if isinstance(error, _NETWORK_ERRORS):
                    raise StoreUnavailable(
                        f"lost ClickHouse at {self._settings.address}: {_network_reason(error)}"
                    ) from error
                case _ if isinstance(error, _VALUE_ERRORS):
                    raise StoreRejected(
                        f"the driver refused a value: {first_line(f'{error!r}')}"
                    ) from error
            raise


def _need_readable(option: str, file: str) -> None:
    if file:
        try:
            with Path(file).open("rb") as content:
                content.read(1)
        except OSError as error:
            raise StoreMisconfigured(
                f"the file {file} of {option} in the store's address cannot be read: "
                f"{error.strerror}",
                "correct its name, or let this user read it",
            ) from None


def _answers(client: NativeClient) -> bool:
    try:
        return bool(client.connection.connected and client.connection.ping())
    except driver.Error:
        return False


def _network_reason(error: BaseException) -> str:
    """Few words on a network error, some of which have no text at all."""
    return first_line(str(error)).removeprefix("Code: 210.").strip() or type(error).__name__


def _to_utc(value: Any, server_zone: ZoneInfo) -> Any:
    """Make times aware: those of columns without a zone of their own are the server's."""
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=server_zone)
        return aware.astimezone(UTC)
    if isinstance(value, list | tuple):
        return type(value)(_to_utc(item, server_zone) for item in value)
    return value
