from __future__ import annotations

import pytest

from agents.stores.errors import (
    ServerRefused,
    StoreMisconfigured,
    StoreMissing,
    first_line,
    from_code,
)
from schemas.errors import Unavailable, UsageError
from schemas.store import StoreRejected, StoreUnavailable


@pytest.mark.parametrize("code", [159, 202, 209, 210, 236, 241, 242, 243, 252, 999])
def test_a_server_that_is_busy_or_short_of_something_can_be_asked_again(code: int) -> None:
    assert isinstance(from_code(code, "x"), StoreUnavailable)


@pytest.mark.parametrize(("words", "passes"), [("no space left on device", True), ("?", False)])
def test_a_directory_that_cannot_be_made_is_a_full_disk_or_a_defect(
    words: str, passes: bool
) -> None:
    found = from_code(1000, f"File access error: {words}: /data/tmp_insert_0_2_2_0")
    assert isinstance(found, StoreUnavailable) is passes


@pytest.mark.parametrize("code", [16, 27, 47, 53, 60, 62, 81, 123456])
def test_a_defect_of_ours_is_not_retried(code: int) -> None:
    error = from_code(code, "x")
    assert isinstance(error, ServerRefused)
    assert isinstance(error, StoreRejected)
    assert error.code == code


def test_errors_for_people_stay_retryable_or_fatal_for_the_worker() -> None:
    assert issubclass(StoreMissing, StoreUnavailable)
    assert issubclass(StoreMissing, Unavailable)
    assert issubclass(StoreMisconfigured, StoreRejected)
    assert issubclass(StoreMisconfigured, UsageError)


def test_stack_traces_and_long_texts_are_cut() -> None:
    assert first_line("DB::Exception: no\n such  table. Stack trace:\n\n0. foo") == "no such table."
    assert len(first_line("x" * 10_000)) == 500
