from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveshop.chaos.plan import Amounts, Kind, closest_s, draw_plan
from schemas.errors import UsageError

SESSION_S = 6.0
seeds = st.integers(0, 2**63)
kills = st.integers(0, 40)
durations = st.floats(120.0, 900.0)


@given(seeds, kills, durations)
def test_the_same_seed_gives_the_same_plan(seed: int, count: int, duration_s: float) -> None:
    amounts = Amounts(kills=count)
    first = draw_plan(seed, duration_s, amounts, SESSION_S)
    assert first == draw_plan(seed, duration_s, amounts, SESSION_S)


def test_another_seed_gives_another_plan() -> None:
    plans = {draw_plan(seed, 180.0, Amounts(), SESSION_S) for seed in range(20)}
    assert len(plans) == 20


@given(seeds, kills, durations)
def test_there_are_exactly_as_many_kills_as_asked_for_and_one_of_everything_else_at_least(
    seed: int, count: int, duration_s: float
) -> None:
    plan = draw_plan(seed, duration_s, Amounts(kills=count), SESSION_S)
    kinds = Counter(fault.kind for fault in plan)
    assert kinds[Kind.KILL_WORKER] == count
    assert all(kinds[kind] >= 1 for kind in Kind if kind is not Kind.KILL_WORKER)


@given(seeds, kills, durations)
def test_everything_is_in_order_of_time_and_over_before_the_show(
    seed: int, count: int, duration_s: float
) -> None:
    plan = draw_plan(seed, duration_s, Amounts(kills=count), SESSION_S)
    moments = [fault.at_s for fault in plan]
    assert moments == sorted(moments)
    assert moments[0] >= 5.0
    assert all(fault.at_s + fault.lasts_s <= duration_s for fault in plan)


@given(seeds, kills, durations)
def test_no_two_faults_are_on_top_of_each_other(seed: int, count: int, duration_s: float) -> None:
    plan = draw_plan(seed, duration_s, Amounts(kills=count), SESSION_S)
    assert closest_s(plan) > 0.2 * (plan[-1].at_s - plan[0].at_s) / len(plan)


@given(seeds, durations)
def test_a_frozen_worker_stays_so_for_longer_than_its_session(seed: int, duration_s: float) -> None:
    plan = draw_plan(seed, duration_s, Amounts(freezes=3), SESSION_S)
    frozen = [fault.lasts_s for fault in plan if fault.kind is Kind.FREEZE_WORKER]
    assert len(frozen) == 3
    assert min(frozen) > SESSION_S


@given(seeds, st.integers(1, 4))
def test_a_worker_joins_before_another_one_leaves(seed: int, pairs: int) -> None:
    plan = draw_plan(seed, 180.0, Amounts(additions=pairs, stops=pairs), SESSION_S)
    kinds = [fault.kind for fault in plan]
    more = 0
    for kind in kinds:
        more += (kind is Kind.ADD_WORKER) - (kind is Kind.STOP_WORKER)
        assert more >= 0


def test_more_faults_than_there_is_time_for_are_refused_with_the_time_they_need() -> None:
    with pytest.raises(UsageError, match="do not fit") as caught:
        draw_plan(1, 60.0, Amounts(kills=50), SESSION_S)
    needed_s = float(caught.value.hint.split()[2])
    assert len(draw_plan(1, needed_s, Amounts(kills=50), SESSION_S)) == 57
