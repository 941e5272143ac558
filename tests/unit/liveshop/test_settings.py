"""Settings come from the environment, and the command line wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from liveshop.settings import Settings, load_settings, unknown_variables
from schemas.errors import UsageError


def test_an_empty_variable_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    # The Makefile exports LIVESHOP_DATA_DIR, set or not.
    monkeypatch.setenv("LIVESHOP_DATA_DIR", "")
    assert load_settings().data_dir == Path("data")


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVESHOP_PORT", "1234")
    assert load_settings(port=None).port == 1234
    assert load_settings(port=4321).port == 4321


def test_a_mistake_is_called_what_the_user_called_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="--port cannot be 70000"):
        load_settings(port=70_000)
    monkeypatch.setenv("LIVESHOP_PORT", "70000")
    with pytest.raises(UsageError, match="LIVESHOP_PORT cannot be '70000'"):
        load_settings()


def test_partitions_are_asked_for_only_by_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().asked_partitions is None
    assert load_settings(partitions=4).asked_partitions == 4
    monkeypatch.setenv("LIVESHOP_PARTITIONS", "8")
    assert load_settings().asked_partitions == 8


def test_a_misspelt_variable_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.setenv(f"LIVESHOP_{field.upper()}", "1")
    assert unknown_variables() == {}
    monkeypatch.setenv("LIVESHOP_BROKER", "x")
    monkeypatch.setenv("LIVESHOP_QQQQQQQQQQQQ", "x")
    assert unknown_variables() == {
        "LIVESHOP_BROKER": "LIVESHOP_BROKERS",
        "LIVESHOP_QQQQQQQQQQQQ": "",
    }


def test_a_log_level_is_read_in_any_case() -> None:
    assert load_settings(log_level="info").log_level == "INFO"
