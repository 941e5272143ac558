"""What a user types, and what comes back, in this process and without any server."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from liveshop import cli
from liveshop.lazy import LazyGroup, load_command


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("hello")
    (tmp_path / "binary").write_bytes(b"\x00\xff\xfe")
    (tmp_path / "empty").touch()
    (tmp_path / "bad").write_text('{"type": "room_ended"}\n')


MISTAKES = {
    "demo --profile botique": ("no profile 'botique'", "Did you mean boutique?"),
    "demo --seed -1": ("The seed -1 is below 0", ""),
    "demo --scale nan": ("The scale nan", ""),
    "demo --scale 0": ("The scale 0", ""),
    "demo --scale -2": ("The scale -2", ""),
    "demo --speed -1": ("The speed -1", ""),
    "demo --speed nan": ("The speed nan", ""),
    "demo --duration 0": ("--duration cannot be 0", "above 0"),
    "demo --duration nan": ("--duration cannot be nan", "above 0"),
    "demo --duration inf": ("--duration cannot be inf", "above 0"),
    "replay --profile boutique --duration -1": ("--duration cannot be -1", "above 0"),
    "replay --profile boutique --rate -1": ("The rate -1", ""),
    "replay --profile boutique --speed 1 --rate 1": ("contradict", ""),
    "replay --profile boutique --spread 0": ("spread over 0 keys", ""),
    "replay --profile boutique --truth folder": ("folder cannot be written", "--truth"),
    "replay --profile boutique --truth none/x": ("none/x cannot be written", "--truth"),
    "replay": ("either a recording or a profile", "For example"),
    "replay bad --profile boutique": ("either a recording or a profile", "For example"),
    "replay missing": ("missing cannot be read: No such file", ""),
    "replay folder": ("folder cannot be read: Is a directory", ""),
    "replay binary": ("In binary, line 1", ""),
    "replay empty": ("The recording empty is empty", ""),
    "replay bad": ("In bad, line 1 lacks room_id", ""),
    "replay bad --seed 2": ("--seed has no effect on a recording", "liveshop record"),
    "replay bad --disorder-ms 2": ("--disorder-ms has no effect", "liveshop record"),
    "record folder": ("folder cannot be written", ""),
    "record x --minutes 0": ("--minutes cannot be 0", ""),
    "record x --truth folder": ("folder cannot be written", ""),
    "demo --workers 2": ("belongs to one process", "--store clickhouse://"),
    "demo --workers 2 --store chdb://x": ("belongs to one process", "--store clickhouse://"),
    "demo --workers 0": ("0 workers", ""),
    "demo --partitions 0": ("--partitions cannot be 0", ""),
    "demo --port 70000": ("--port cannot be 70000", ""),
    "demo --port 0 --data-dir file": ("The data directory file cannot be used", "--data-dir"),
    "demo --port 0 --data-dir file/x": ("cannot be used: Not a directory", "--data-dir"),
    "worker --host 192.0.2.1": ("'192.0.2.1' is no address of this machine", "127.0.0.1"),
    "report": ("needs a room", "--list"),
    "report x --store nonsense": ("not the address of a store", "clickhouse://"),
    "report x --store chdb://folder": ("no store in folder", ""),
    "reconcile --truth missing --wait 0": ("--wait cannot be 0", ""),
    "reconcile --truth missing": ("missing cannot be read: No such file", "--truth FILE"),
    "reconcile --truth folder": ("folder cannot be read: Is a directory", "--truth FILE"),
    "reconcile --truth binary": ("binary is not a truth manifest", "--truth FILE"),
    "reconcile --truth bad": ("bad is not a truth manifest", "--truth FILE"),
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_ends_in_one_sentence_and_a_hint(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence, hint = MISTAKES[line]
    before = sorted(Path().rglob("*"))
    assert cli.run(line.split()) == 1
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("liveshop: ")
    assert sentence in lines[0]
    assert lines[0].endswith(".")
    assert lines[1].startswith("  hint: ")
    assert hint in lines[1]
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize(
    ("line", "sentence", "hint"),
    [
        ("demoo", "Did you mean 'demo'?", "liveshop --help"),
        ("demo --sed 1", "--seed", "liveshop demo --help"),
        ("demo --seed x", "'--seed'", "liveshop demo --help"),
        ("report x --format pdf", "'pdf' is not one of 'html', 'json', 'csv'", "report --help"),
        ("reconcile", "'--truth'", "liveshop reconcile --help"),
    ],
)
def test_a_line_that_cannot_be_read_points_to_the_help(
    line: str, sentence: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(line.split()) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert sentence in first
    assert "Value error" not in first
    assert hint in second


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LIVESHOP_PORT", "many"),
        ("LIVESHOP_WINDOW_MS", "-1"),
        ("LIVESHOP_WINDOW_MS", "7000"),
        ("LIVESHOP_LOG_LEVEL", "loud"),
        ("LIVESHOP_SESSION_TIMEOUT_S", "nan"),
        ("LIVESHOP_FLUSH_INTERVAL_MS", "0"),
    ],
)
def test_a_bad_variable_is_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    assert cli.run(["worker"]) == 1
    said = capsys.readouterr().err
    assert name in said
    assert len(said.splitlines()) == 2


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("liveshop 0.")


def test_without_a_command_the_help_is_shown_and_it_is_no_success(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.run([]) == 2
    shown = capsys.readouterr().out
    assert all(name in shown for name in LazyGroup.summaries)


@pytest.mark.parametrize("name", LazyGroup.summaries)
def test_each_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([name, "--help"]) == 0
    assert f"Usage: liveshop {name}" in capsys.readouterr().out


@pytest.mark.parametrize("name", LazyGroup.summaries)
def test_a_summary_is_the_first_line_of_the_docstring(name: str) -> None:
    function = getattr(import_module(f"liveshop.commands.{name}"), name)
    assert str(function.__doc__).splitlines()[0] == LazyGroup.summaries[name]
    assert load_command(name).name == name


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("liveshop.cli", ("aiokafka", "pydantic", "numpy", "faust", "chdb", "jinja2")),
        ("liveshop.commands.worker", ("faust", "chdb", "jinja2")),
        ("liveshop.commands.demo", ("faust", "chdb", "jinja2")),
        ("liveshop.commands.replay", ("faust", "chdb", "jinja2", "agents")),
        ("liveshop.commands.report", ("faust", "chdb", "aiokafka")),
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(module: str, absent: tuple[str, ...]) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert set(absent) & set(done.stdout.split()) == set()
