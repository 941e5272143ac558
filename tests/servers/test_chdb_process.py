"""What chDB adds: one process per directory, no forks, and durability without a server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from agents.stores import open_store
from agents.stores.chdb import ChdbStore
from schemas.errors import Unavailable, UsageError
from schemas.store import StoreRejected
from tests.contract.rows import TEN, activity, insert_rows

pytestmark = pytest.mark.embedded

HOLDER = """
import sys, time
from agents.stores import open_store
store = open_store(sys.argv[1])
print("open", flush=True)
time.sleep(60)
"""
WRITER = """
import sys
from agents.stores import open_store
store = open_store(sys.argv[1])
store.ensure_schema()
number = 0
while True:
    rooms = [f"{number}-{n}" for n in range(100)]
    store.insert("activity_window", {"room_id": rooms, "views": [1] * 100})
    number += 1
    print(number, flush=True)
"""


def spawn(program: str, dsn: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", program, dsn], stdout=subprocess.PIPE, text=True)


def test_a_directory_that_another_process_uses_is_refused_with_its_pid(chdb_dsn: str) -> None:
    holder = spawn(HOLDER, chdb_dsn)
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(Unavailable, match=rf"is in use by process {holder.pid}\b") as caught:
            open_store(chdb_dsn)
        assert caught.value.hint
    finally:
        holder.kill()
        holder.communicate()
    store = open_store(chdb_dsn)
    assert store.query("SELECT 1 AS one") == [{"one": 1}]
    store.close()


def test_kill_9_loses_nothing_that_was_acknowledged(chdb_dsn: str) -> None:
    writer = spawn(WRITER, chdb_dsn)
    assert writer.stdout is not None
    for _ in range(10):
        writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    rest, _ = writer.communicate()
    acknowledged = 10 + len(rest.split())

    store = open_store(chdb_dsn)
    rows = store.query("SELECT sum(views) AS n FROM activity_window FINAL")[0]["n"]
    store.close()
    assert rows in {acknowledged * 100, (acknowledged + 1) * 100}


def test_what_was_written_is_there_when_the_directory_is_opened_again(chdb_dsn: str) -> None:
    first = open_store(chdb_dsn)
    first.ensure_schema()
    insert_rows(first, "activity_window", activity("a", TEN, views=3))
    first.close()
    again = open_store(chdb_dsn)
    again.ensure_schema()
    assert again.query("SELECT views FROM room_summary") == [{"views": 3}]
    again.close()


def test_a_process_has_one_directory_at_a_time(tmp_path: Path) -> None:
    first = ChdbStore(tmp_path / "one")
    with pytest.raises(Unavailable, match=r"has the data directory .*one open"):
        ChdbStore(tmp_path / "two")
    first.close()
    second = ChdbStore(tmp_path / "two")
    second.close()


def test_a_reader_keeps_the_directory_open_when_its_writer_has_closed(tmp_path: Path) -> None:
    writer = ChdbStore(tmp_path)
    writer.ensure_schema()
    reader = writer.reader()
    insert_rows(writer, "activity_window", activity("a", TEN, views=3))
    writer.close()
    assert reader.query("SELECT views FROM activity_window") == [{"views": 3}]
    reader.close()


def test_an_error_of_one_connection_does_not_disturb_the_other(tmp_path: Path) -> None:
    writer = ChdbStore(tmp_path)
    writer.ensure_schema()
    reader = writer.reader()
    done = threading.Event()
    errors: list[BaseException] = []

    def keep_failing() -> None:
        while not done.is_set():
            try:
                reader.query("SELECT throwIf(number = 3) FROM numbers(10)")
            except StoreRejected:
                continue
            except BaseException as error:
                errors.append(error)
                return

    thread = threading.Thread(target=keep_failing)
    thread.start()
    for number in range(30):
        insert_rows(writer, "activity_window", activity(f"room-{number}", TEN, views=1))
    done.set()
    thread.join()
    assert errors == []
    assert writer.query("SELECT count() AS n FROM activity_window") == [{"n": 30}]
    reader.close()
    writer.close()


def test_readers_run_in_parallel(tmp_path: Path) -> None:
    first = ChdbStore(tmp_path)
    second = first.reader()
    sql = "SELECT sleep(0.5) AS slept"
    begin = time.monotonic()
    thread = threading.Thread(target=second.query, args=(sql,))
    thread.start()
    first.query(sql)
    thread.join()
    assert time.monotonic() - begin < 0.9
    second.close()
    first.close()


def test_a_forked_child_is_told_to_keep_its_hands_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ChdbStore(tmp_path)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(StoreRejected, match="forked"):
        store.query("SELECT 1")
    monkeypatch.undo()
    store.close()


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be used"):
        open_store(f"chdb://{tmp_path / 'file' / 'below'}")
    with pytest.raises(Unavailable, match="cannot open"):
        open_store(f"chdb://{tmp_path}/what?")


def test_a_directory_may_have_an_odd_name(tmp_path: Path) -> None:
    store = open_store(f"chdb://{tmp_path}/50% off, it's ünder #1")
    assert store.query("SELECT 1 AS one") == [{"one": 1}]
    store.close()


def test_without_the_extra_a_sentence_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "agents.stores.chdb")
    monkeypatch.setitem(sys.modules, "chdb.state", None)
    with pytest.raises(UsageError) as caught:
        open_store(f"chdb://{tmp_path}")
    assert "liveshop[embedded]" in caught.value.hint


def test_a_stray_config_file_in_the_current_directory_is_explained(tmp_path: Path) -> None:
    (tmp_path / "config.xml").write_text("<yandex><path></path></yandex>")
    program = (
        "from agents.stores import open_store\n"
        "from schemas.errors import Unavailable\n"
        "try: open_store('chdb://data')\n"
        "except Unavailable as error: print(error.sentence, error.hint)\n"
    )
    root = str(Path(__file__).resolve().parents[2])
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "without a config.xml" in ended.stdout
