from __future__ import annotations

import pytest

from agents.stores import open_store
from agents.stores.config import ClickHouseSettings, clickhouse_settings
from schemas.errors import UsageError


def test_an_address_is_read_with_all_its_parts() -> None:
    dsn = (
        "clickhouse://shop%40live:p%2Fw%3A%3F@db.example:9123/stream"
        "?secure=1&verify=false&ca_certs=/etc/ca.pem&timeout_seconds=2.5"
    )
    assert clickhouse_settings(dsn) == ClickHouseSettings(
        host="db.example",
        port=9123,
        database="stream",
        user="shop@live",
        password="p/w:?",
        secure=True,
        verify=False,
        ca_certs="/etc/ca.pem",
        timeout_seconds=2.5,
    )


def test_what_an_address_leaves_out_has_a_default() -> None:
    settings = clickhouse_settings("clickhouse://db")
    assert settings == ClickHouseSettings(host="db")
    assert settings.address == "db:9000"


def test_the_scheme_with_an_s_means_tls_on_its_own_port() -> None:
    settings = clickhouse_settings("clickhouses://[::1]/shop")
    assert settings.secure
    assert settings.verify
    assert settings.address == "[::1]:9440"


@pytest.mark.parametrize(
    "dsn",
    [
        "",
        "chdb",
        "chdb://",
        "postgres://user:hunter2@host/db",
        "clickhouse://user:hunter2@host:port/db",
        "clickhouse://user:hunter2@[::1/db",
        "clickhouse://user:hunter2@host/db?sekure=1",
        "clickhouse://user:hunter2@host/db?verify=maybe",
        "clickhouse://user:hunter2@host/db?timeout_seconds=soon",
        "clickhouse://user:hunter2@host/my-db;",
        "clickhouse://user:hunter2@ho\u2100st/db",
    ],
)
def test_a_wrong_address_is_the_users_error_and_never_shows_the_password(dsn: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_store(dsn)
    assert caught.value.hint
    shown: BaseException | None = caught.value
    while shown is not None:
        assert "hunter2" not in repr(shown)
        shown = shown.__cause__


def test_the_password_is_in_no_repr() -> None:
    dsn = "clickhouse://user:hunter2@host/db"
    assert "hunter2" not in repr(clickhouse_settings(dsn))
    assert "hunter2" not in repr(open_store(dsn))
