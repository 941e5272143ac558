"""Every command of the README is run, as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from liveshop.embedded.broker import EmbeddedBroker
from liveshop.embedded.clickhouse_server import ClickHouseServer
from liveshop.embedded.process import free_port
from tests.integration.harness import QUICK

pytestmark = [pytest.mark.embedded, pytest.mark.clickhouse, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]


def _blocks() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)


def test_the_make_targets_exist() -> None:
    make, *_ = _blocks()
    for command in make.splitlines():
        # What they do is what this test run and the demo tests are; here only: they are there.
        done = subprocess.run([*command.split(), "--dry-run"], cwd=ROOT, check=False)
        assert done.returncode == 0, command


def test_the_benchmark_is_the_one_that_its_own_tests_run() -> None:
    *_, benchmark = _blocks()
    assert benchmark == "python -m benchmarks end-to-end --runs 1\n"


def test_the_commands_run_one_after_the_other(
    tmp_path: Path, clickhouse_server: ClickHouseServer
) -> None:
    _, settings, commands, _ = _blocks()
    broker = EmbeddedBroker(tmp_path / "broker")
    try:
        here = {
            "127.0.0.1:9092": broker.address,
            "clickhouse://default@127.0.0.1:9000/liveshop": clickhouse_server.dsn("readme"),
            "--port 8080": f"--port {free_port()}",
            ". .venv/bin/activate": f". {ROOT / '.venv/bin/activate'}",
        }
        # The worker in the background ends with the shell, however that ends.
        script = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + settings + commands
        for there, ours in here.items():
            assert there in script, there
            script = script.replace(there, ours)
        done = subprocess.run(
            ["bash", "-e", "-u", "-o", "pipefail", "-c", script],
            cwd=tmp_path,
            env={**os.environ, **QUICK},
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
    finally:
        broker.stop()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "difference 0" in done.stdout
    assert (tmp_path / "report.html").stat().st_size > 100_000
    assert (tmp_path / "show.ndjson").stat().st_size > 100_000
