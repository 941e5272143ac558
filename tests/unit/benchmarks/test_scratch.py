"""Benchmarks keep their files in memory where there is enough of it."""

from __future__ import annotations

import tempfile
from collections import namedtuple
from pathlib import Path

import pytest

from benchmarks import scratch as scratch_module
from benchmarks.scratch import scratch, scratch_root

_Usage = namedtuple("_Usage", "total used free")


@pytest.fixture(autouse=True)
def _no_wish(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr(scratch_module, "_MEMORY", tmp_path)


def _free(monkeypatch: pytest.MonkeyPatch, gigabytes: int) -> None:
    usage = _Usage(0, 0, gigabytes * 2**30)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)


def test_files_go_to_memory_and_are_gone_afterwards(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _free(monkeypatch, 20)
    with scratch("bench-") as directory:
        assert directory.parent == tmp_path
        (directory / "part").touch()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("gigabytes", [0, 7])
def test_too_little_memory_is_left_alone(monkeypatch: pytest.MonkeyPatch, gigabytes: int) -> None:
    _free(monkeypatch, gigabytes)
    assert scratch_root() == Path(tempfile.gettempdir())


def test_a_machine_without_such_a_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(scratch_module, "_MEMORY", tmp_path / "missing")
    assert scratch_root() == Path(tempfile.gettempdir())


def test_who_names_a_place_gets_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _free(monkeypatch, 20)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "theirs"))
    assert scratch_root() == tmp_path / "theirs"
