"""However a demo ends, it ends soon, leaves no process behind, and says so in its exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from liveshop.embedded.process import free_port
from tests.integration.front_door import alive, children, kill, liveshop, running, wait_until

pytestmark = [pytest.mark.embedded, pytest.mark.timeout(120)]

#: From the signal to the end of the process.
_SOON_S = 15.0


@dataclass(frozen=True)
class Demo:
    """A demo under way."""

    process: subprocess.Popen[str]
    directory: Path
    port: int

    def children(self) -> set[int]:
        return children(self.process.pid)

    def worker(self) -> int:
        """The process id of its worker."""
        (pid,) = (pid for pid in self.children() if _command_of(pid)[-4:-2] == ["worker", "--port"])
        return pid

    def snapshot(self) -> dict[str, Any]:
        """What the live page shows, or nothing yet."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.port}/api/live", timeout=2
            ) as page:
                found: dict[str, Any] = json.load(page)
                return found
        except OSError:
            return {}

    def replays(self) -> bool:
        trust = self.snapshot().get("trust", {})
        return bool(trust.get("consumed"))


def _command_of(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


@contextmanager
def demo(directory: Path, *arguments: str) -> Iterator[Demo]:
    port = free_port()
    options = ("--profile", "boutique", "--headless", "--port", str(port), *arguments)
    with running("demo", *options, cwd=directory) as process:
        yield Demo(process, directory, port)


def _starting(running: Demo) -> None:
    wait_until(lambda: len(running.children()) >= 2)


def _replaying(running: Demo) -> None:
    wait_until(running.replays)


def _draining(running: Demo) -> None:
    wait_until(running.replays)
    # A worker that stands still makes the drain last, and must not delay the end either.
    os.kill(running.worker(), signal.SIGSTOP)
    time.sleep(4.0)


def _proving(running: Demo) -> None:
    wait_until((running.directory / "data/latest/truth.json").exists)


@pytest.mark.parametrize(
    ("reach", "number", "duration"),
    [
        (_starting, signal.SIGINT, "60"),
        (_replaying, signal.SIGTERM, "60"),
        (_draining, signal.SIGINT, "3"),
        (_proving, signal.SIGTERM, "2"),
    ],
)
def test_a_signal_ends_a_demo_in_any_phase(
    reach: Callable[[Demo], None], number: signal.Signals, duration: str, tmp_path: Path
) -> None:
    with demo(tmp_path, "--duration", duration) as running:
        reach(running)
        family = running.children()
        running.process.send_signal(number)
        began = time.monotonic()
        out, err = running.process.communicate(timeout=_SOON_S)
    assert running.process.returncode == 128 + number
    assert time.monotonic() - began < _SOON_S
    assert (out, err) == ("", "")
    assert alive(family) == set()


def test_nothing_outlives_a_demo_that_is_killed(tmp_path: Path) -> None:
    with demo(tmp_path, "--duration", "60") as running:
        _starting(running)
        family = running.children()
        assert len(family) >= 2
        kill(running.process.pid)
        running.process.wait()
        try:
            wait_until(lambda: not alive(family), seconds=5)
        finally:
            for pid in alive(family):
                kill(pid)


def test_a_worker_that_dies_is_started_again_and_no_figure_changes(tmp_path: Path) -> None:
    with demo(tmp_path, "--duration", "8", "--json") as running:
        _replaying(running)
        died = running.worker()
        kill(died)
        wait_until(lambda: running.replays() and running.worker() != died)
        out, err = running.process.communicate(timeout=60)
    assert running.process.returncode == 0, err
    result = json.loads(out)
    assert result["restarts"] == 1
    assert result["reconciled"]
    assert err.splitlines()[-1] == result["line"]
    assert result["line"].endswith("difference 0")


def test_a_second_demo_in_the_same_folder_waits_for_the_first_to_end(tmp_path: Path) -> None:
    with demo(tmp_path, "--duration", "60") as first:
        _starting(first)
        second = liveshop("demo", "--port", "0", "--duration", "1", cwd=tmp_path)
        assert second.returncode == 1
        assert f"The data directory data is in use by process {first.process.pid}." in second.stderr
        assert "--data-dir" in second.stderr
        assert len(second.stderr.splitlines()) == 2
        first.process.send_signal(signal.SIGINT)
        first.process.wait(_SOON_S)
    # What the first one left behind is no obstacle.
    third = liveshop(
        *("demo", "--profile", "boutique", "--port", "0", "--duration", "2", "--headless"),
        cwd=tmp_path,
    )
    assert third.returncode == 0, third.stderr
    assert sorted(path.name for path in (tmp_path / "data").glob("run-*")) == ["run-1", "run-2"]
    assert (tmp_path / "data/latest").resolve().name == "run-2"
    assert third.stderr == ""
    lines = third.stdout.splitlines()
    assert lines[-1].startswith("reconciled: orders ")
    assert lines[-1].endswith(", difference 0")
    assert lines[0].startswith("sent ")
    assert "\x1b" not in third.stdout
