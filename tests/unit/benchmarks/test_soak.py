"""What a soak makes of its samples; the run itself is in the integration tests."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from benchmarks.load import LoadSpec
from benchmarks.soak import Outage, Request, Soak
from benchmarks.soak_chart import draw_soak
from benchmarks.worker_watch import Sample
from liveshop.reconcile import Reconciliation
from schemas.errors import UsageError

OUTAGE = Outage(at_s=40.0, seconds=10.0, kind="kill")
SPEC = LoadSpec("boutique", seed=1, scale=1.0, records=1_000)


def a_soak(
    lag: Callable[[int], int] = lambda _: 100,
    rss_mb: Callable[[int], float] = lambda _: 200.0,
    outage: Outage | None = None,
) -> Soak:
    """A hundred seconds at 100 records/s."""
    samples = [
        Sample(float(s), 100 * s, lag(s), rss_mb(s), lag(s) // 2, 1.0, 9 * s, 50 * s, 0)
        for s in range(101)
    ]
    return Soak(
        request=Request(SPEC, 2, 100.0, 0.5, None, outage, "embedded"),
        maximum=200.0,
        rate=100.0,
        records=10_000,
        bytes=1_000_000,
        samples=samples,
        away=None if outage is None else (outage.at_s, outage.at_s + outage.seconds),
        behind_ms=3.0,
        drain_s=0.5,
        peak_rss_mb=210.0,
        proof=Reconciliation(100, "CNY", (5, 5), (700, 700), {"consumed": 10_000}),
        checks={"consumed": 10_000},
    )


def test_the_slope_of_memory_leaves_out_the_start_when_caches_fill() -> None:
    grows_at_first = a_soak(rss_mb=lambda s: 100.0 + 4 * min(s, 25))
    assert grows_at_first.rss_mb_per_hour == pytest.approx(0.0)
    assert a_soak(rss_mb=lambda s: 100.0 + s / 3_600).rss_mb_per_hour == pytest.approx(1.0)


def test_memory_that_grows_lowers_the_ratio_that_is_compared() -> None:
    ratios = a_soak(rss_mb=lambda s: 100.0 + s).case().ratios
    assert ratios["memory_early_of_late"].median < 0.8
    assert a_soak().case().ratios["memory_early_of_late"].median == 1.0


def test_a_worker_that_falls_behind_did_not_keep_up() -> None:
    assert a_soak().case().ratios["kept_up"].median == 1.0
    late = a_soak(lag=lambda s: 0 if s < 63 else 5_000).case()
    assert late.ratios["kept_up"].median == pytest.approx(0.5, abs=0.02)
    assert late.figures["peak_lag"].median == 5_000


def test_catching_up_ends_when_the_lag_is_that_of_three_seconds() -> None:
    run = a_soak(lag=lambda s: 0 if s < 40 else max(0, 1_000 - 100 * max(0, s - 50)), outage=OUTAGE)
    assert run.catch_up_s == 7.0
    assert run.case().figures["catch_up_s"].median == 7.0


def test_an_outage_is_no_reason_why_a_worker_did_not_keep_up() -> None:
    run = a_soak(
        lag=lambda s: 9_000 if 40 <= s < 60 else 0,
        rss_mb=lambda s: 400.0 if 40 <= s < 60 else 200.0,
        outage=OUTAGE,
    )
    case = run.case()
    assert case.ratios["kept_up"].median == 1.0
    assert case.ratios["memory_early_of_late"].median == 1.0
    assert case.figures["peak_lag"].median == 9_000


def test_every_sample_is_in_the_result() -> None:
    series = a_soak().case().series
    assert set(series) == set(Sample.__dataclass_fields__)
    assert {len(values) for values in series.values()} == {101}


@pytest.mark.parametrize("outage", [None, OUTAGE])
def test_the_chart_is_one_well_formed_file(outage: Outage | None) -> None:
    chart = draw_soak(a_soak(outage=outage))
    words = "".join(ET.fromstring(chart).itertext())
    assert "10,000 records at 100/s" in words
    assert ("ClickHouse away for 10 s" in words) is (outage is not None)
    assert "href" not in chart


def test_an_outage_that_does_not_fit_into_the_run_is_refused() -> None:
    with pytest.raises(UsageError, match="does not fit"):
        a_soak(outage=Outage(at_s=95.0, seconds=10.0, kind="freeze"))
