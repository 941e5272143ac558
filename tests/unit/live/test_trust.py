from __future__ import annotations

from dataclasses import replace

import pytest

from agents.live.trust import Accounts, Difference, Trust, judge

KEEPING_UP = Trust(
    lag_records=120,
    latency_p50_ms=640,
    latency_p99_ms=1_400,
    last_flush_age_ms=300,
    assigned_partitions=12,
)
IN_ORDER = Accounts(
    partitions=12,
    watermark_ms=1_781_812_800_000,
    consumed=1_000,
    duplicates=3,
    dead_lettered=2,
    late=5,
    gap=0,
    unaccounted=0,
)
OFF = Difference("paris", 1_781_812_800, "EUR", orders=-1, gmv_minor=-129_900, refund_minor=0)


def test_a_worker_that_keeps_up_is_exact_in_spite_of_lag_late_records_and_dead_letters() -> None:
    verdict = judge(KEEPING_UP, IN_ORDER, [], [])
    assert (verdict.level, verdict.sentence) == (
        "exact",
        "exact: 0 unaccounted, windows = ledger",
    )


def test_an_unaccounted_record_outranks_everything_else() -> None:
    verdict = judge(KEEPING_UP, replace(IN_ORDER, unaccounted=1, gap=9), [OFF], [OFF])
    assert (verdict.level, verdict.sentence) == ("difference", "1 record unaccounted for")


def test_a_confirmed_difference_is_told_with_its_amount_and_currency() -> None:
    verdict = judge(KEEPING_UP, IN_ORDER, [OFF, replace(OFF, gmv_minor=5)], [])
    assert verdict.level == "difference"
    assert "differ in 2 minutes" in verdict.sentence
    assert "-1 orders, GMV -1,299.00 EUR, refunds 0.00 EUR" in verdict.sentence


def test_records_that_retention_deleted_are_never_green() -> None:
    verdict = judge(KEEPING_UP, replace(IN_ORDER, gap=1_200), [], [])
    assert verdict.level == "difference"
    assert verdict.sentence.startswith("1,200 records lost")


@pytest.mark.parametrize(
    "slow",
    [
        {"latency_p50_ms": 3_001},
        {"last_flush_age_ms": 3_001},
        {"last_flush_age_ms": None},
        {"latency_p50_ms": None},
    ],
)
def test_lag_that_grows_old_is_behind(slow: dict[str, int | None]) -> None:
    verdict = judge(replace(KEEPING_UP, lag_records=45_120, **slow), IN_ORDER, [], [])  # type: ignore[arg-type]
    assert (verdict.level, verdict.sentence) == ("behind", "catching up: 45,120 records to go")


def test_an_old_flush_without_lag_is_a_quiet_show_and_not_behind() -> None:
    quiet = replace(KEEPING_UP, lag_records=0, last_flush_age_ms=600_000)
    assert judge(quiet, IN_ORDER, [], []).level == "exact"


def test_a_worker_without_partitions_does_not_claim_to_be_exact() -> None:
    idle = replace(KEEPING_UP, lag_records=0, assigned_partitions=0)
    assert judge(idle, IN_ORDER, [], []).level == "behind"


def test_a_difference_that_is_not_confirmed_yet_is_being_checked() -> None:
    assert judge(KEEPING_UP, IN_ORDER, [], [OFF]).level == "checking"


def test_nothing_consumed_and_nothing_to_consume_is_waiting() -> None:
    quiet = replace(KEEPING_UP, lag_records=0)
    assert judge(quiet, replace(IN_ORDER, consumed=0), [], []).level == "waiting"
