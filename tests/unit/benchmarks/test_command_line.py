"""What ``python -m benchmarks`` does with what it is told; nothing is measured here."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks import __main__ as command_line
from benchmarks import hot_path
from benchmarks.output import Output
from benchmarks.result import Case
from schemas.errors import UsageError
from tests.unit.benchmarks.results import a_result

SMALL = ["hot-path", "--profile", "boutique", "--records", "1000", "--runs", "1"]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A measurement that takes no time, and finds a ratio of 0.2."""

    def measure(loads: object, shape: object, runs: int) -> dict[str, Case]:
        return a_result({"mixed": {"of_orjson": 0.2}}).cases

    monkeypatch.setattr(hot_path, "measure", measure)


@pytest.mark.usefixtures("measured")
@pytest.mark.parametrize(("ratio", "code"), [(0.2, 0), (0.26, 0), (0.3, 1)])
def test_the_exit_code_is_1_only_if_a_ratio_regressed(
    ratio: float, code: int, tmp_path: Path
) -> None:
    before = tmp_path / "before.json"
    before.write_bytes(a_result({"mixed": {"of_orjson": ratio}}).to_json())
    arguments = [*SMALL, "--json", "--out", str(tmp_path / "now.json"), "--compare", str(before)]
    result = CliRunner().invoke(command_line.app, arguments)
    assert result.exit_code == code
    assert json.loads(result.stdout) == json.loads((tmp_path / "now.json").read_bytes())


@pytest.mark.usefixtures("measured")
def test_the_table_names_every_figure_and_the_file(tmp_path: Path) -> None:
    out = tmp_path / "now.json"
    result = CliRunner().invoke(command_line.app, [*SMALL, "--out", str(out)])
    assert result.exit_code == 0
    for word in ("events_per_s", "ratio of_orjson", "load average", str(out)):
        assert word in result.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["hot-path", "--profile", "nobody"], "nobody"),
        (["hot-path", "--compare", "/nowhere.json"], "/nowhere.json cannot be read"),
        (["hot-path", "--out", "/proc/nowhere/x.json"], "cannot be written"),
        (["end-to-end", "--store", "mysql://x"], "store"),
        (["end-to-end", "--store", "chdb:///tmp/x"], "store"),
    ],
)
def test_a_mistake_ends_in_one_sentence(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    with pytest.raises(SystemExit) as exit_info:
        command_line.main()
    complaint = capsys.readouterr().err
    assert exit_info.value.code == 1
    assert sentence in complaint
    assert "Traceback" not in complaint


def test_a_file_that_cannot_be_written_is_found_out_before_anything_is_measured(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        Output.prepare("hot-path", tmp_path / "file" / "x.json", None, 0.25, as_json=True)
