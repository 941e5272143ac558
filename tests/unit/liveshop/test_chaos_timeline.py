from __future__ import annotations

from liveshop.chaos.plan import Kind
from liveshop.chaos.timeline import Timeline

A, B = "live.purchases/0", "live.purchases/1"
SESSION_S = 6.0


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def begun() -> tuple[Clock, Timeline]:
    clock = Clock()
    timeline = Timeline(clock)
    timeline.begin()
    return clock, timeline


def kill(
    timeline: Timeline,
    done: dict[str, int],
    others: int = 1,
    held: tuple[str, ...] = (A, B),
    who: str = "worker-1",
) -> None:
    timeline.note("killed", who, Kind.KILL_WORKER)
    timeline.lost(who, timeline.now_s(), SESSION_S)
    timeline.killed(timeline.now_s(), who, others, held, done)


def test_a_kill_is_recovered_from_once_every_partition_has_a_newer_checkpoint() -> None:
    clock, timeline = begun()
    kill(timeline, {A: 10, B: 10})
    clock.now_s += 3
    timeline.advanced({A: 20, B: 10}, {A: 50, B: 50})
    clock.now_s += 4
    timeline.advanced({A: 30, B: 11}, {A: 50, B: 50})
    (recovery,) = timeline.recoveries()
    assert (recovery.seconds, recovery.undisturbed_s, recovery.partitions) == (7.0, 7.0, 2)
    assert recovery.alone


def test_the_partitions_of_other_workers_are_not_waited_for() -> None:
    clock, timeline = begun()
    kill(timeline, {A: 10, B: 10}, held=(A,))
    clock.now_s += 2
    timeline.advanced({A: 11, B: 10}, {A: 50, B: 50})
    assert [one.seconds for one in timeline.recoveries()] == [2.0]


def test_a_partition_without_records_waiting_has_nothing_to_recover() -> None:
    clock, timeline = begun()
    kill(timeline, {A: 10, B: 10})
    clock.now_s += 2
    timeline.advanced({A: 11, B: 10}, {A: 50, B: 10})
    assert [one.seconds for one in timeline.recoveries()] == [2.0]


def test_a_partition_that_never_had_a_checkpoint_has_to_get_one() -> None:
    clock, timeline = begun()
    kill(timeline, {A: 10})
    timeline.advanced({A: 11}, {A: 50, B: 5})
    assert [one.seconds for one in timeline.recoveries()] == [None]
    clock.now_s += 1
    timeline.advanced({A: 11, B: 5}, {A: 50, B: 5})
    assert [one.seconds for one in timeline.recoveries()] == [1.0]


def test_a_worker_that_held_nothing_has_nothing_to_recover() -> None:
    _, timeline = begun()
    kill(timeline, {A: 10, B: 10}, held=())
    timeline.advanced({A: 11, B: 11}, {A: 50, B: 50})
    (recovery,) = timeline.recoveries()
    assert (recovery.partitions, recovery.seconds, recovery.alone) == (0, None, False)


def test_the_time_in_which_the_store_was_away_is_not_counted_as_undisturbed() -> None:
    clock, timeline = begun()
    kill(timeline, {A: 10})
    clock.now_s += 2
    timeline.note("killed", "store", Kind.KILL_STORE)
    with timeline.away("store"):
        clock.now_s += 5
    clock.now_s += 1
    timeline.advanced({A: 11, B: 1}, {A: 50, B: 1})
    (recovery,) = timeline.recoveries()
    assert (recovery.seconds, recovery.undisturbed_s) == (8.0, 3.0)
    assert not recovery.alone


def test_outages_at_the_same_time_count_once_and_only_up_to_the_recovery() -> None:
    clock, timeline = begun()
    with timeline.away("broker"):  # 0 to 4
        clock.now_s += 2
        kill(timeline, {A: 10}, held=(A,))  # at 2
        with timeline.away("store"):  # 2 to 7
            clock.now_s += 2
    timeline.outages[-1].ended_s = 7.0
    clock.now_s += 4
    timeline.lost("worker-2", timeline.now_s(), SESSION_S)  # 8 to 14
    clock.now_s += 2
    timeline.advanced({A: 11}, {A: 50})  # at 10
    (recovery,) = timeline.recoveries()
    assert (recovery.seconds, recovery.undisturbed_s) == (8.0, 1.0)


def test_a_second_kill_stands_in_the_way_of_the_first_for_a_session_and_not_of_itself() -> None:
    clock, timeline = begun()
    kill(timeline, {A: 10}, held=(A,))
    clock.now_s += 3
    kill(timeline, {A: 10}, held=(A,), who="worker-2")
    clock.now_s += SESSION_S + 2
    timeline.advanced({A: 11}, {A: 50})
    first, second = timeline.recoveries()
    assert (first.seconds, first.undisturbed_s) == (11.0, 5.0)
    # The dead first one was still waited for, three of its six seconds were left.
    assert (second.seconds, second.undisturbed_s) == (8.0, 5.0)


def test_nobody_was_left_to_take_over_from_the_last_worker() -> None:
    _, timeline = begun()
    kill(timeline, {A: 10}, others=0)
    timeline.advanced({A: 11, B: 1}, {A: 50, B: 1})
    assert not timeline.recoveries()[0].alone


def test_a_kill_that_the_run_did_not_outlive_is_listed_without_a_time() -> None:
    _, timeline = begun()
    kill(timeline, {A: 10})
    assert [(one.who, one.seconds) for one in timeline.recoveries()] == [("worker-1", None)]


def test_what_happens_is_told_with_its_moment() -> None:
    clock = Clock()
    told: list[tuple[float, str]] = []
    timeline = Timeline(clock, lambda one: told.append((one.at_s, one.who)))
    timeline.begin()
    clock.now_s += 1.5
    timeline.note("killed", "broker", Kind.KILL_BROKER)
    assert told == [(1.5, "broker")]
    assert [one.fault for one in timeline.faults()] == [Kind.KILL_BROKER]
