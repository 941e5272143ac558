"""The small pieces of the front door."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from aiokafka.protocol.admin import (
    SaslAuthenticateRequest,
    SaslAuthenticateRequest_v1,
    SaslHandShakeRequest,
)

from agents.live.snapshot import Activity, Provenance, Sales, Scope, Snapshot
from agents.live.trust import Trust, Verdict
from agents.stores.errors import ServerRefused
from liveshop.commands.reconcile import show_differences
from liveshop.console import say, tolerate_any_terminal
from liveshop.embedded.rundir import run_directory
from liveshop.embedded.workers import last_words
from liveshop.logs import Throttle, WorkerLog, is_no_login
from liveshop.manifest import need_writable
from liveshop.reconcile import Difference, Reconciliation
from liveshop.screen import figures_line
from liveshop.stores import need_schema
from schemas.errors import Unavailable, UsageError
from schemas.migrate import list_migrations
from schemas.store import Column, Params, Row

# --- run directories -----------------------------------------------------------------------------


def test_the_newest_three_runs_are_kept_and_the_last_one_has_a_name(tmp_path: Path) -> None:
    for _ in range(5):
        with run_directory(tmp_path) as run:
            (run / "something").touch()
    assert sorted(path.name for path in tmp_path.glob("run-*")) == ["run-3", "run-4", "run-5"]
    assert (tmp_path / "latest").resolve() == run
    assert (tmp_path / "latest").readlink() == Path("run-5")


def test_what_stands_in_the_way_of_a_run_is_said(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    with pytest.raises(Unavailable, match="cannot be used"), run_directory(tmp_path):
        pass


def test_a_folder_that_is_not_ours_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "run-mine").mkdir()
    for _ in range(5):
        with run_directory(tmp_path):
            pass
    assert (tmp_path / "run-mine").is_dir()


# --- the truth manifest --------------------------------------------------------------------------


def test_looking_whether_a_file_can_be_written_leaves_it_as_it_is(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("precious")
    need_writable(old)
    need_writable(new)
    need_writable(None)
    assert old.read_text() == "precious"
    assert not new.exists()


# --- stores --------------------------------------------------------------------------------------


class _Versioned:
    """A store that has nothing but a version."""

    def __init__(self, version: int | None) -> None:
        self._version = version

    def ensure_schema(self) -> None:
        raise AssertionError("a reader changes nothing")

    def insert(self, table: str, columns: Mapping[str, Column]) -> None:
        raise AssertionError("a reader changes nothing")

    def query(self, sql: str, params: Params | None = None) -> list[Row]:
        if self._version is None:
            raise ServerRefused(60, "Table schema_version does not exist")
        return [{"version": self._version}]

    def close(self) -> None:
        pass


NEWEST = list_migrations()[-1].version


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        (None, "no tables yet"),
        (0, "no tables yet"),
        (NEWEST - 1, f"version {NEWEST - 1}, this program needs {NEWEST}"),
        (NEWEST + 1, f"version {NEWEST + 1}, this program only knows {NEWEST}"),
    ],
)
def test_a_store_with_other_tables_is_not_read(version: int | None, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        need_schema(_Versioned(version))
    assert caught.value.hint


def test_a_store_with_our_tables_is_read() -> None:
    assert need_schema(_Versioned(NEWEST)) == NEWEST


# --- what is seen --------------------------------------------------------------------------------


def _snapshot() -> Snapshot:
    sales = [
        Sales.of(currency, gmv_minor=gmv, refund_minor=0, orders=3, units=3, refunds=0)
        for currency, gmv in (("EUR", 123_456_789), ("JPY", 5_000))
    ]
    total = Scope("", "", "", "", True, Activity(), sales, {})
    trust = Provenance(
        Verdict("exact", "exact: 0 unaccounted"), Trust(1_200, 1, 1, 1, 4), 4, 9, 0, 0, 0, 0, 0, 0
    )
    return Snapshot("live", 0, 0, ["EUR", "JPY"], trust, total, [], 0, 0, [])


def test_the_figures_of_the_live_page_fit_on_a_line() -> None:
    line = figures_line(asdict(_snapshot()))
    assert line == (
        "GMV 1,234,567.89 EUR + 5,000 JPY · 6 orders · lag 1,200 · exact: 0 unaccounted"
    )


@pytest.mark.parametrize("answer", [{}, {"sentence": "no store"}, {"total": None}, {"total": 1}])
def test_an_answer_without_figures_shows_nothing(answer: dict[str, Any]) -> None:
    assert figures_line(answer) == ""


def test_text_that_the_terminal_cannot_show_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    tolerate_any_terminal()
    say("李佳琦 sold 2 包")
    assert raw.getvalue() == b"??? sold 2 ?\n"


# --- workers -------------------------------------------------------------------------------------


def test_the_last_words_of_a_worker_are_its_sentence_and_hint() -> None:
    log = "2026 ERROR x: y\nliveshop: Port 1 is in use.\n  hint: Choose another one.\n"
    assert last_words(log) == ("Port 1 is in use.", "Choose another one.")
    assert last_words("Traceback …\nValueError: x\n") == ("", "")


@pytest.fixture
def _logging_as_before() -> Any:
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]


@pytest.mark.usefixtures("_logging_as_before")
def test_a_worker_logs_libraries_only_once_it_works(capsys: pytest.CaptureFixture[str]) -> None:
    log = WorkerLog("warning")
    logging.getLogger("aiokafka.conn").error("Unable connect")
    logging.getLogger("agents.worker").warning("ours")
    log.with_libraries = True
    logging.getLogger("aiokafka.conn").error("lost the broker")
    try:
        raise UsageError("A setting does not fit.")
    except UsageError:
        logging.getLogger("faust.app").exception("crashed")
    said = capsys.readouterr().err
    assert "Unable connect" not in said
    assert "ours" in said
    assert "lost the broker" in said
    assert "crashed" not in said


# --- complaints ----------------------------------------------------------------------------------


def test_a_complaint_that_is_repeated_is_heard_once_per_interval_with_the_number_left_out() -> None:
    now_s = 0.0
    throttle = Throttle(10.0, lambda: now_s)

    def heard(name: str, message: str, *args: object, level: int = logging.ERROR) -> str | None:
        record = logging.LogRecord(name, level, "", 0, message, args, None)
        return record.getMessage() if throttle.filter(record) else None

    assert heard("aiokafka", "no node %s: %s", 1, "refused") == "no node 1: refused"
    for _ in range(1_000):
        now_s += 0.009
        assert heard("aiokafka", "no node %s: %s", 1, "refused") is None
    assert heard("aiokafka", "another thing") == "another thing"
    assert heard("agents.sink", "ours") == heard("agents.sink", "ours") == "ours"
    assert heard("aiokafka", "news", level=20) == heard("aiokafka", "news", level=20) == "news"
    now_s = 11.0
    again = heard("aiokafka", "no node %s: %s", 2, "100 % refused")
    assert again == "no node 2: 100 % refused (1000 more like it were left out)"
    assert heard("aiokafka", "no node %s: %s", 2, "refused") is None


def test_complaints_that_are_all_different_take_no_memory_for_ever() -> None:
    throttle = Throttle()
    for number in range(1_000):
        throttle.filter(logging.LogRecord("faust", logging.ERROR, "", 0, f"{number}", (), None))
    assert len(throttle._heard) <= 256


def test_a_name_that_speaks_to_the_terminal_is_only_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    differs = Difference("kol", "[/b]\x1b[2J", "EUR", "orders", 1, 2)
    show_differences(Reconciliation(1, "EUR", (2, 1), (0, 0), {}, [differs]))
    assert "[/b]\\x1b[2J" in capsys.readouterr().err


def test_a_login_is_not_logged_and_other_requests_are() -> None:
    def record(name: str, *parts: object) -> logging.LogRecord:
        return logging.LogRecord(name, logging.DEBUG, "", 1, "%s" * len(parts), parts, None)

    login = SaslAuthenticateRequest(b"\0user\0password").build(SaslAuthenticateRequest_v1)
    assert not is_no_login(record("aiokafka.conn", "127.0.0.1", 9092, 3, login))
    assert is_no_login(record("aiokafka.conn", "127.0.0.1", 9092, 3, SaslHandShakeRequest("PLAIN")))
    assert is_no_login(record("aiokafka.conn"))
