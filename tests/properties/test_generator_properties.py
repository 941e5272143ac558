"""What must hold for every show, not only for the packaged ones' defaults."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from producers.generator import Show
from producers.record import Kind, OutRecord
from producers.recount import Counter
from tests.unit.producers.shows import PROFILES, flattened, recounted, small_show

SCALE = 0.01
shares = st.floats(0, 1)
noises = st.fixed_dictionaries(
    {
        "duplicates": shares,
        "late": shares,
        "unreadable": shares,
        "disorder_ms": st.integers(0, 60_000),
    }
)
shows = st.tuples(st.sampled_from(PROFILES), st.integers(0, 2**63), st.integers(1, 600))
few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def sent(show: Show, seconds: int) -> list[OutRecord]:
    return list(show.records(show.start_ms + 1000 * seconds))


def pristine(records: list[OutRecord]) -> list[bytes]:
    return sorted(r.value for r in records if r.kind in {Kind.EVENT, Kind.LATE})


@few
@given(shows, noises)
def test_noise_never_changes_what_happened(
    show: tuple[str, int, int], noise: dict[str, float]
) -> None:
    name, seed, seconds = show
    noisy = sent(small_show(name, seed, SCALE, **noise), seconds)
    calm = sent(small_show(name, seed, SCALE, **dict.fromkeys(noise, 0)), seconds)
    assert pristine(noisy) == pristine(calm)
    assert {r.value for r in noisy if r.kind is Kind.DUPLICATE} <= set(pristine(calm))


@few
@given(shows, noises)
def test_the_truth_is_what_the_bytes_add_up_to(
    show: tuple[str, int, int], noise: dict[str, float]
) -> None:
    name, seed, seconds = show
    records = sent(small_show(name, seed, SCALE, **noise), seconds)
    counter = Counter()
    for record in records:
        counter.count(record)
    truth = counter.book.truth(source=name, seed=seed, scale=SCALE, start_ms=0, end_ms=1)
    assert flattened(truth) == recounted(records)


@few
@given(shows, noises, st.integers(1, 600))
def test_any_cut_sends_what_a_longer_run_sends_up_to_there(
    show: tuple[str, int, int], noise: dict[str, float], more: int
) -> None:
    name, seed, seconds = show
    source = small_show(name, seed, SCALE, **noise)
    cut_ms = min(source.start_ms + 1000 * seconds, source.end_ms)
    shorter, longer = sent(source, seconds), sent(source, seconds + more)
    assert [r for r in shorter if r.due_ms < cut_ms] == [r for r in longer if r.due_ms < cut_ms]
