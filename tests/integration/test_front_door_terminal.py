"""On a terminal there is something to see; in a pipe there is not."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import threading
from pathlib import Path

import pytest

from liveshop.embedded.broker import EmbeddedBroker
from tests.integration.front_door import CLEAN, command

pytestmark = [pytest.mark.embedded, pytest.mark.timeout(90)]

_SIZE = {"COLUMNS": "160", "LINES": "40", "TERM": "xterm-256color"}


def on_terminal(directory: Path, *arguments: str, **env: str) -> tuple[int, str, str]:
    """Run a command whose standard error is a terminal: exit code, standard output, terminal."""
    ours, theirs = pty.openpty()
    shown = bytearray()

    def read() -> None:
        while True:
            try:
                shown.extend(os.read(ours, 65_536))
            except OSError:
                return

    reader = threading.Thread(target=read)
    process = subprocess.Popen(
        command(*arguments),
        cwd=directory,
        env={**CLEAN, **_SIZE, **env},
        stdout=subprocess.PIPE,
        stderr=theirs,
        encoding="utf-8",
    )
    os.close(theirs)
    reader.start()
    out, _ = process.communicate()
    reader.join()
    os.close(ours)
    return process.returncode, out, shown.decode(errors="replace")


def test_a_demo_shows_how_far_it_is_and_the_figures_so_far(tmp_path: Path) -> None:
    code, out, shown = on_terminal(
        *(tmp_path, "demo", "--profile", "boutique", "--duration", "4", "--port", "0"),
        # The demo gives the token to its own page; what is for another Kafka does not concern it.
        LIVESHOP_HTTP_TOKEN="t0ken-S3CRET-0123456789",
        LIVESHOP_KAFKA_SECURITY_PROTOCOL="SASL_SSL",
        LIVESHOP_KAFKA_USER="shop",
        LIVESHOP_KAFKA_PASSWORD="S3CRET",
        LIVESHOP_STORE_PASSWORD="S3CRET",
        LIVESHOP_LOG_LEVEL="DEBUG",
    )
    assert code == 0, shown
    assert "live page: http://localhost:" in shown
    for phase in ("starting", "replaying", "draining", "proving"):
        assert phase in shown
    assert re.search(r"eta.*\d:\d\d:\d\d", shown)
    assert re.search(r"[\d,]+ records, [\d,]+/s", shown)
    assert re.search(r"GMV [\d.,]+ EUR · [\d,]+ orders · lag [\d,]+ · ", shown)
    assert "\x1b" not in out
    assert out.splitlines()[-1].endswith("difference 0")
    left = [path for path in (tmp_path / "data/latest").iterdir() if path.is_file()]
    assert {"truth.json", "report.html", "worker-1.log"} <= {path.name for path in left}
    for text in (out, shown, *(path.read_text(errors="replace") for path in left)):
        assert "S3CRET" not in text


def test_a_replay_shows_rate_and_time_left(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path / "broker")
    try:
        code, out, shown = on_terminal(
            tmp_path,
            *("replay", "--profile", "boutique", "--duration", "2", "--brokers", broker.address),
        )
    finally:
        broker.stop()
    assert code == 0, shown
    assert "replaying" in shown
    assert re.search(r"eta.*\d:\d\d:\d\d", shown)
    assert re.search(r"[\d,]+ records, [\d,]+/s", shown)
    assert re.fullmatch(r"sent [\d,]+ records in [\d.]+ s(, at most [\d,]+ ms behind)?\n", out)


def test_headless_means_nothing_on_the_terminal(tmp_path: Path) -> None:
    code, out, shown = on_terminal(
        tmp_path, "demo", "--brokers", "127.0.0.1:1", "--port", "0", "--headless"
    )
    assert (code, out) == (1, "")
    assert "live page" not in shown
    assert "starting" not in shown
