"""Servers that are not there, ports and directories that are taken: one sentence and a hint."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from liveshop.embedded.process import free_port
from liveshop.embedded.rundir import run_directory
from producers.truth import TruthBook
from tests.integration.front_door import NOISE, liveshop

pytestmark = pytest.mark.timeout(60)

NOWHERE = "127.0.0.1:1"


@contextmanager
def taken_port() -> Iterator[int]:
    """A port that somebody listens on, without ever saying a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield listener.getsockname()[1]


def refused(directory: Path, *arguments: str, **env: str) -> tuple[str, str]:
    """The sentence and the hint that a command ends with; checks that there is nothing else."""
    began = time.monotonic()
    done = liveshop(*arguments, cwd=directory, env=env)
    assert time.monotonic() - began < 15
    assert done.returncode == 1
    assert done.stdout == ""
    assert not [noise for noise in NOISE if noise in done.stderr.replace("LIVESHOP", "")]
    sentence, hint = done.stderr.splitlines()
    assert sentence.startswith("liveshop: ")
    assert sentence.endswith(".")
    assert hint.startswith("  hint: ")
    return sentence, hint


@pytest.mark.parametrize(
    "arguments",
    [
        ("worker", "--port", "0"),
        ("replay", "--profile", "boutique"),
        ("demo", "--port", "0", "--duration", "1"),
    ],
)
def test_a_broker_that_is_not_there(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    env = {"LIVESHOP_START_WAIT_S": "0"}
    sentence, hint = refused(tmp_path, *arguments, "--brokers", NOWHERE, **env)
    assert f"No Kafka broker answers at {NOWHERE}." in sentence
    assert "LIVESHOP_BROKERS" in hint


@pytest.mark.parametrize(
    "arguments", [("report", "--list"), ("report", "room"), ("reconcile", "--truth", "truth.json")]
)
def test_a_store_that_is_not_there(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    truth = TruthBook().truth(source="", seed=None, scale=None, start_ms=0, end_ms=0)
    (tmp_path / "truth.json").write_bytes(truth.to_json())
    sentence, _ = refused(tmp_path, *arguments, "--store", f"clickhouse://{NOWHERE}/liveshop")
    assert f"No ClickHouse server answers at {NOWHERE}." in sentence
    sentence, _ = refused(tmp_path, *arguments, "--store", "chdb://nothing")
    assert "There is no store in nothing." in sentence
    assert not (tmp_path / "nothing").exists()


@pytest.mark.embedded
def test_a_worker_without_a_store_says_so_through_its_demo(tmp_path: Path) -> None:
    sentence, _ = refused(
        tmp_path, "demo", "--port", "0", "--store", f"clickhouse://{NOWHERE}/liveshop"
    )
    assert "The worker-1 did not start: No ClickHouse server answers" in sentence


@pytest.mark.parametrize("command", ["worker", "demo"])
def test_a_port_that_is_taken(tmp_path: Path, command: str) -> None:
    with taken_port() as port:
        sentence, hint = refused(tmp_path, command, LIVESHOP_PORT=str(port))
    assert f"Port {port} is in use." in sentence
    assert f"--port {port + 1}" in hint
    assert not (tmp_path / "data").exists()


def test_a_data_directory_that_another_demo_has(tmp_path: Path) -> None:
    with run_directory(tmp_path / "data"):
        sentence, hint = refused(tmp_path, "demo", "--port", "0")
    assert f"The data directory data is in use by process {os.getpid()}." in sentence
    assert "--data-dir" in hint


def test_the_doctor_with_nothing_there_answers_soon_and_changes_nothing(tmp_path: Path) -> None:
    with taken_port() as silent_broker, taken_port() as silent_store:
        began = time.monotonic()
        done = liveshop(
            *("doctor", "--json", "--port", str(silent_broker)),
            *("--brokers", f"127.0.0.1:{silent_broker}"),
            *("--store", f"clickhouse://127.0.0.1:{silent_store}/liveshop"),
            cwd=tmp_path,
            env={"LIVESHOP_BROKER": "x"},
        )
    assert time.monotonic() - began < 10
    assert done.returncode == 1
    assert done.stderr == ""
    found = {finding["what"]: finding for finding in json.loads(done.stdout)}
    assert [found[what]["state"] for what in ("Kafka", "store", "port")] == ["failure"] * 3
    assert found["Python"]["state"] == "ok"
    assert found["LIVESHOP_BROKER"]["advice"] == "Did you mean LIVESHOP_BROKERS?"
    assert list(tmp_path.iterdir()) == []


def test_the_doctor_creates_no_store_and_no_directory(tmp_path: Path) -> None:
    done = liveshop(
        *("doctor", "--brokers", NOWHERE, "--store", "chdb://store", "--port", str(free_port())),
        cwd=tmp_path,
        env={"PYTHONIOENCODING": "ascii"},  # a terminal that cannot show an arrow
    )
    assert done.returncode == 1
    assert "There is no store in store yet." in done.stdout
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []
