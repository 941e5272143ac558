"""What only a server can do to us: go away, hang, refuse us, or speak TLS."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from clickhouse_driver import Client

from agents.stores import RetryPolicy, open_store, retrying
from liveshop.embedded import clickhouse_server as server_module
from liveshop.embedded.clickhouse_server import DEFAULT_CONFIG, ClickHouseServer
from schemas.errors import Unavailable, UsageError
from schemas.store import Store, StoreRejected, StoreUnavailable
from streams.columns import Coded, Joined, Names
from tests.contract.rows import TEN, activity, insert_rows
from tests.fixtures.clickhouse import READER, WORKER, need_clickhouse
from tests.fixtures.tls import make_certificate, tls_door

pytestmark = pytest.mark.clickhouse
PATIENCE = RetryPolicy(first_wait_seconds=0.05, max_wait_seconds=0.2, total_seconds=30)


def count(store: Store) -> int:
    number: int = store.query("SELECT count() AS n FROM activity_window FINAL")[0]["n"]
    return number


@pytest.fixture
def own_store(own_clickhouse_server: ClickHouseServer) -> Iterator[Store]:
    store = open_store(own_clickhouse_server.dsn() + "?connect_timeout_seconds=1&timeout_seconds=2")
    store.ensure_schema()
    yield store
    store.close()


# --- a server that goes away --------------------------------------------------------------------


def test_a_restart_between_two_calls_goes_unnoticed(
    own_clickhouse_server: ClickHouseServer, own_store: Store
) -> None:
    insert_rows(own_store, "activity_window", activity("a", TEN, views=1))
    own_clickhouse_server.restart()
    insert_rows(own_store, "activity_window", activity("b", TEN, views=1))
    assert count(own_store) == 2


def test_calls_fail_as_unavailable_while_the_server_is_down_and_retries_get_through(
    own_clickhouse_server: ClickHouseServer, own_store: Store
) -> None:
    own_clickhouse_server.kill()
    with pytest.raises(StoreUnavailable):
        insert_rows(own_store, "activity_window", activity("a", TEN, views=1))
    with pytest.raises(StoreUnavailable):
        own_store.query("SELECT 1")

    retries: list[int] = []
    first_retry = threading.Event()

    def on_retry(_: StoreUnavailable, attempt: int, __: float) -> None:
        retries.append(attempt)
        first_retry.set()

    def insert() -> None:
        retrying(
            lambda: insert_rows(own_store, "activity_window", activity("a", TEN, views=1)),
            PATIENCE,
            on_retry=on_retry,
        )

    worker = threading.Thread(target=insert)
    worker.start()
    assert first_retry.wait(10)
    own_clickhouse_server.start()
    worker.join()
    assert retries
    assert count(own_store) == 1


def test_kill_9_loses_nothing_that_was_acknowledged(
    own_clickhouse_server: ClickHouseServer, own_store: Store
) -> None:
    acknowledged = 0
    killer = threading.Timer(0.4, own_clickhouse_server.kill)
    killer.start()
    try:
        while True:
            rows = [activity(f"{acknowledged}-{n}", TEN, views=1) for n in range(100)]
            insert_rows(own_store, "activity_window", *rows)
            acknowledged += 1
    except StoreUnavailable:
        pass
    killer.join()
    own_clickhouse_server.start()
    assert acknowledged > 0
    # The insert that was cut off may have been stored or not, but not in part.
    assert count(own_store) in {acknowledged * 100, (acknowledged + 1) * 100}


def test_a_server_that_hangs_is_unavailable_before_long_and_welcome_again(
    own_clickhouse_server: ClickHouseServer, own_store: Store
) -> None:
    assert own_clickhouse_server.pid is not None
    os.kill(own_clickhouse_server.pid, signal.SIGSTOP)
    begin = time.monotonic()
    with pytest.raises(StoreUnavailable):
        own_store.query("SELECT 1")
    assert time.monotonic() - begin < 5
    os.kill(own_clickhouse_server.pid, signal.SIGCONT)
    assert own_store.query("SELECT 1 AS one") == [{"one": 1}]


def test_a_query_that_takes_too_long_is_unavailable_and_the_next_one_gets_its_own_answer(
    own_store: Store,
) -> None:
    with pytest.raises(StoreUnavailable):
        own_store.query("SELECT sleep(3) AS slow")
    assert own_store.query("SELECT 1 AS one") == [{"one": 1}]


def test_a_query_may_take_longer_than_connecting(clickhouse_dsn: str) -> None:
    store = open_store(f"{clickhouse_dsn}?connect_timeout_seconds=0.5&timeout_seconds=20")
    store.ensure_schema()
    assert store.query("SELECT sleep(1.5) AS slept") == [{"slept": 0}]
    store.close()


# --- a server that was never there --------------------------------------------------------------


def test_a_missing_server_ends_in_a_sentence_with_its_address() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        store = open_store(f"clickhouse://u:hunter2@127.0.0.1:{port}/shop")
        for call in (store.ensure_schema, lambda: store.query("SELECT 1")):
            with pytest.raises(Unavailable) as caught:
                call()
            assert f"no clickhouse server answers at 127.0.0.1:{port}" in str(caught.value).lower()
            assert "refused" in caught.value.hint
            assert isinstance(caught.value, StoreUnavailable)


def test_a_port_that_accepts_but_never_speaks_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        store = open_store(f"clickhouse://127.0.0.1:{port}?connect_timeout_seconds=0.5")
        begin = time.monotonic()
        with pytest.raises(Unavailable, match="ClickHouse server answers"):
            store.ensure_schema()
        assert time.monotonic() - begin < 3


def test_a_port_with_another_program_is_no_clickhouse(clickhouse_server: ClickHouseServer) -> None:
    address = f"127.0.0.1:{clickhouse_server.http_port}"
    store = open_store(f"clickhouse://{address}?connect_timeout_seconds=0.5")
    with pytest.raises(Unavailable, match="ClickHouse server answers"):
        store.ensure_schema()


# --- a server that refuses us -------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseServer]:
    """A server in China with a user ``writer``, password ``p@ss/w:rd``, and one who may only read."""
    need_clickhouse()
    directory = tmp_path_factory.mktemp("guarded")
    shutil.copytree(DEFAULT_CONFIG.parent, directory / "config")
    users = directory / "config" / "users.xml"
    account = "<networks><ip>127.0.0.1</ip></networks><quota>default</quota>"
    users.write_text(
        users.read_text()
        .replace("</profiles>", "<viewing><readonly>1</readonly></viewing></profiles>")
        .replace(
            "</users>",
            f"<writer><password>p@ss/w:rd</password><profile>default</profile>{account}</writer>"
            f"<viewer><password></password><profile>viewing</profile>{account}</viewer></users>",
        )
    )
    config = directory / "config" / "config.xml"
    config.write_text(config.read_text().replace(">UTC<", ">Asia/Shanghai<"))
    with ClickHouseServer(directory / "server", config) as server:
        yield server


def test_a_user_logs_in_with_a_password_of_odd_characters(guarded_server: ClickHouseServer) -> None:
    store = open_store(f"clickhouse://writer:p%40ss%2Fw%3Ard@127.0.0.1:{guarded_server.tcp_port}/a")
    store.ensure_schema()
    assert store.query("SELECT currentDatabase() AS d") == [{"d": "a"}]
    store.close()


@pytest.mark.parametrize("login", ["writer:hunter2", "nobody:hunter2"])
def test_a_refused_login_names_the_user_and_hides_the_password(
    guarded_server: ClickHouseServer, login: str
) -> None:
    store = open_store(f"clickhouse://{login}@127.0.0.1:{guarded_server.tcp_port}/shop")
    with pytest.raises(UsageError, match=f"'{login.split(':')[0]}' cannot log in") as caught:
        store.ensure_schema()
    assert isinstance(caught.value, StoreRejected)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value)) + caught.value.hint


def test_a_server_in_another_time_zone_returns_the_same_times(
    guarded_server: ClickHouseServer,
) -> None:
    store = open_store(f"clickhouse://writer:p%40ss%2Fw%3Ard@127.0.0.1:{guarded_server.tcp_port}/c")
    store.ensure_schema()
    insert_rows(store, "activity_window", activity("a", TEN + 50, views=3))
    ten = datetime(2026, 1, 1, 10, tzinfo=UTC)
    assert store.query("SELECT minute FROM room_minute") == [{"minute": ten}]
    assert store.query(f"SELECT timezone() AS zone, toDateTime({TEN}) AS t") == [
        {"zone": "Asia/Shanghai", "t": ten}
    ]
    store.close()


def test_a_user_who_may_only_read_can_query_but_not_create(
    guarded_server: ClickHouseServer,
) -> None:
    writer = open_store(
        f"clickhouse://writer:p%40ss%2Fw%3Ard@127.0.0.1:{guarded_server.tcp_port}/b"
    )
    writer.ensure_schema()
    insert_rows(writer, "activity_window", activity("a", TEN, views=3))
    writer.close()
    address = f"clickhouse://viewer@127.0.0.1:{guarded_server.tcp_port}"

    viewer = open_store(f"{address}/b")
    assert viewer.query("SELECT views FROM room_summary") == [{"views": 3}]
    viewer.close()
    with pytest.raises(UsageError, match="may not create the database"):
        open_store(f"{address}/missing").ensure_schema()


def test_the_documented_accounts_can_do_what_they_must_and_no_more(
    clickhouse_server: ClickHouseServer, clickhouse_dsn: str
) -> None:
    worker = open_store(clickhouse_dsn)
    worker.ensure_schema()
    insert_rows(worker, "activity_window", activity("a", TEN, views=3))
    reader = open_store(clickhouse_dsn.replace(WORKER, READER))
    assert reader.query("SELECT views FROM room_summary") == [{"views": 3}]
    for forbidden in (
        lambda: insert_rows(reader, "activity_window", activity("b", TEN, views=3)),
        lambda: reader.query("DROP TABLE activity_window"),
        reader.ensure_schema,
        lambda: worker.query("CREATE DATABASE theirs"),
        lambda: worker.query("SELECT * FROM theirs.room_summary"),
    ):
        with pytest.raises(
            UsageError, match=r"(lacks a right|may not create the tables)"
        ) as caught:
            forbidden()
        assert "docs/security.md" in caught.value.hint
        assert isinstance(caught.value, StoreRejected)
    theirs = open_store(clickhouse_server.dsn("theirs"))
    for call in (theirs.ensure_schema, lambda: theirs.query("SELECT 1")):
        with pytest.raises(UsageError, match="may not use the database 'theirs'"):
            call()
    for store in (worker, reader, theirs):
        store.close()


def test_a_database_that_does_not_exist_yet_is_no_mystery(
    clickhouse_server: ClickHouseServer,
) -> None:
    store = open_store(clickhouse_server.dsn("not_there"))
    with pytest.raises(UsageError, match="has no database 'not_there'"):
        store.query("SELECT 1")


# --- TLS ----------------------------------------------------------------------------------------


def test_tls_is_verified_unless_switched_off(
    clickhouse_server: ClickHouseServer, tmp_path: Path
) -> None:
    certificate, key = make_certificate(tmp_path)
    with tls_door(certificate, key, clickhouse_server.tcp_port) as port:
        base = f"clickhouses://localhost:{port}/tls"
        for options in (f"?ca_certs={certificate}", "?verify=0"):
            store = open_store(base + options)
            store.ensure_schema()
            assert store.query("SELECT 1 AS one") == [{"one": 1}]
            store.close()
        with pytest.raises(
            UsageError, match="cannot be trusted: self-signed certificate"
        ) as caught:
            open_store(base).ensure_schema()
        assert "?ca_certs=FILE" in caught.value.hint
        for file in ("missing", ""):
            with pytest.raises(
                UsageError, match="of ca_certs in the store's address cannot be read"
            ):
                open_store(f"{base}?ca_certs={tmp_path / file}").ensure_schema()


def test_tls_refuses_a_certificate_for_another_name(
    clickhouse_server: ClickHouseServer, tmp_path: Path
) -> None:
    certificate, key = make_certificate(tmp_path)
    with tls_door(certificate, key, clickhouse_server.tcp_port) as port:
        dsn = f"clickhouses://127.0.0.1:{port}/tls?ca_certs={certificate}&server_hostname=shop.example"
        with pytest.raises(UsageError, match=r"is not valid for 'shop\.example'\.$"):
            open_store(dsn).ensure_schema()


# --- blocks -------------------------------------------------------------------------------------


def test_columns_of_a_type_that_is_unknown_here_go_through_the_driver(
    own_clickhouse_server: ClickHouseServer, own_store: Store
) -> None:
    with Client.from_url(own_clickhouse_server.dsn()) as client:
        client.execute("CREATE TABLE odd (a Nullable(String), b UInt64) ENGINE = Memory")
    texts = Coded(np.array([1, 0], dtype=np.int64), Names.of(["x", "y"]))
    own_store.insert("odd", {"a": Joined([texts]), "b": np.array([1, 2])})
    own_store.insert("odd", {"a": [None], "b": [3]})
    found = own_store.query("SELECT a, b FROM odd ORDER BY b")
    assert found == [{"a": "y", "b": 1}, {"a": "x", "b": 2}, {"a": None, "b": 3}]


# --- the process --------------------------------------------------------------------------------


def test_without_the_program_a_sentence_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "_SEARCH_PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="no clickhouse-server program") as caught:
        ClickHouseServer(tmp_path).start()
    assert "apt-get install" in caught.value.hint


def test_a_server_that_cannot_start_says_why(
    clickhouse_server: ClickHouseServer, tmp_path: Path
) -> None:
    server = ClickHouseServer(tmp_path)
    server.tcp_port = clickhouse_server.tcp_port
    with pytest.raises(Unavailable, match="ended with code") as caught:
        server.start()
    assert "Address already in use" in caught.value.hint
    assert server.pid is None


def test_no_server_outlives_the_process_that_started_it(tmp_path: Path) -> None:
    need_clickhouse()
    program = (
        "import os, sys; from pathlib import Path\n"
        "from liveshop.embedded.clickhouse_server import ClickHouseServer\n"
        "server = ClickHouseServer(Path(sys.argv[1])); server.start()\n"
        "print(server.pid, flush=True); os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    pid = int(ended.stdout)
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}/exe").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    survives = Path(f"/proc/{pid}/exe").exists()
    if survives:
        os.kill(pid, signal.SIGKILL)
    assert not survives
