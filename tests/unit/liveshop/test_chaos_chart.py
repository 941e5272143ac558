from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from liveshop.chaos.chart import draw_chart
from liveshop.chaos.plan import Fault, Kind
from liveshop.chaos.record import Record
from liveshop.chaos.timeline import Happening, Outage, Recovery, Sample
from liveshop.reconcile import Reconciliation

_SVG = "{http://www.w3.org/2000/svg}"


def record(samples: int = 30, who: str = "worker-1") -> Record:
    happenings = [Happening(4.0, "killed", who, Kind.KILL_WORKER), Happening(6.0, "back", who)]
    return Record(
        profile="chaos",
        seed=7,
        scale=1.0,
        duration_s=30.0,
        workers=2,
        events=1_000,
        purchases=120,
        records=1_020,
        sent_duplicates=20,
        plan=[Fault(4.0, Kind.KILL_WORKER, 2.0, 1)],
        happenings=happenings,
        samples=[
            Sample(float(at_s), 34 * at_s, at_s % 7, 1_000 * at_s, 900 * at_s, 2, True)
            for at_s in range(samples)
        ],
        outages=[Outage(who, 4.0, 10.0), Outage("store", 11.0, 13.5)],
        recoveries=[
            Recovery(4.0, who, 10, 9.5, 7.0, alone=True),
            Recovery(8.0, who, 10, 12.0, 8.0, alone=False),
            Recovery(9.0, who, 10, None, None, alone=False),
        ],
        exits=[],
        farewells=[0, 0],
        replay_s=30.0,
        drain_s=1.5,
        proof=Reconciliation(100, "CNY", (120, 120), (26_100, 26_100), {"consumed": 1_020}),
        directory=Path("somewhere"),
    )


def test_the_chart_needs_nothing_else_and_is_well_formed() -> None:
    chart = draw_chart(record())
    root = ET.fromstring(chart)
    assert root.tag == f"{_SVG}svg"
    assert "href" not in chart
    assert "<script" not in chart
    assert "difference 0" in "".join(root.itertext())


def test_the_chart_has_a_dot_for_each_fault_and_none_for_its_end() -> None:
    root = ET.fromstring(draw_chart(record()))
    assert len(root.findall(f"{_SVG}circle")) == 1


def test_what_happened_stays_text() -> None:
    chart = draw_chart(record(who="<script>alert(1)</script>"))
    assert "<script" not in chart
    ET.fromstring(chart)


@pytest.mark.parametrize("samples", [0, 1])
def test_a_run_that_ended_at_once_can_be_drawn(samples: int) -> None:
    ET.fromstring(draw_chart(record(samples=samples)))


def test_the_record_holds_the_seed_the_plan_and_the_recoveries() -> None:
    document = json.loads(record().to_json())
    assert document["seed"] == 7
    assert document["kills"] == 1
    assert document["plan"] == [{"at_s": 4.0, "kind": "kill worker", "lasts_s": 2.0, "pick": 1}]
    found = {kind: document["recovery"][kind] for kind in ("raw", "undisturbed", "alone")}
    assert found == {
        "raw": {"count": 2, "median_s": 10.75, "max_s": 12.0},
        "undisturbed": {"count": 2, "median_s": 7.5, "max_s": 8.0},
        "alone": {"count": 1, "median_s": 9.5, "max_s": 9.5},
    }
    assert document["outages"][1] == {"who": "store", "began_s": 11.0, "ended_s": 13.5}
    assert len(document["samples"]["lag"]) == 30
    assert document["line"].startswith("reconciled: ")
