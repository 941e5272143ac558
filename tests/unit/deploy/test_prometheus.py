"""What promtool says of the configuration, the alert rules and the workers' exposition."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from agents.metrics import Metrics
from schemas.rows import COLUMNS
from schemas.topics import EVENT_TOPICS
from tests.fixtures.need import need
from tests.unit.deploy.test_dashboard import exported_names

PROMETHEUS = Path(__file__).parents[3] / "deploy" / "prometheus"
RULES = (PROMETHEUS / "rules.yml").read_text(encoding="utf-8")
RULES_TEST = (PROMETHEUS / "rules_test.yml").read_text(encoding="utf-8")


def promtool(*arguments: str, given: bytes = b"") -> str:
    """Run it; returns what it printed.

    Fails the test where promtool finds fault.
    """
    need(shutil.which("promtool"), "needs Debian's promtool: run deploy/test-servers.sh")
    ran = subprocess.run(
        ["promtool", *arguments], input=given, capture_output=True, cwd=PROMETHEUS, check=False
    )
    said = (ran.stdout + ran.stderr).decode()
    assert ran.returncode == 0, said
    return said


@pytest.mark.prometheus
class TestPromtool:
    def test_accepts_the_configuration_and_the_rules_it_loads(self) -> None:
        said = promtool("check", "config", "prometheus.yml")
        assert f"{len(alerts())} rules found" in said

    def test_finds_every_alert_firing_and_silent_where_it_should(self) -> None:
        assert "SUCCESS" in promtool("test", "rules", "rules_test.yml")

    def test_sees_a_rule_that_is_wrong(self, tmp_path: Path) -> None:
        wrong = RULES.replace("liveshop_records_gap_total) > 0", "liveshop_records_gap_total) > 99")
        assert wrong != RULES
        (tmp_path / "rules.yml").write_text(wrong, encoding="utf-8")
        (tmp_path / "rules_test.yml").write_text(RULES_TEST, encoding="utf-8")
        with pytest.raises(AssertionError, match="LiveshopRecordsGap"):
            promtool("test", "rules", str(tmp_path / "rules_test.yml"))

    def test_has_nothing_to_say_against_the_workers_metrics(self) -> None:
        metrics = Metrics(topics=tuple(topic.name for topic in EVENT_TOPICS), tables=tuple(COLUMNS))
        metrics.orders.labels("EUR").inc()
        metrics.gmv_minor.labels("EUR").inc(1_999)
        metrics.refund_minor.labels("EUR").inc(1_999)
        metrics.lag.labels("live.purchases", 0).set(1)
        metrics.watermark.labels("live.purchases", 0).set(1)
        assert promtool("check", "metrics", given=generate_latest(metrics.registry)) == ""


def alerts() -> list[str]:
    return re.findall(r"^ +- alert: (\w+)$", RULES, re.MULTILINE)


def test_every_alert_is_tested_and_its_text_compared() -> None:
    for alert in alerts():
        assert re.search(
            rf"alertname: {alert}\n +eval_time: \S+\n +exp_alerts: *(&\w+)?\n", RULES_TEST
        ), f"rules_test.yml never expects {alert}"


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    for text in RULES.split("- alert: ")[1:]:
        assert re.search(r"severity: (critical|warning)\n", text), text
        assert re.search(r'summary: "[^"]', text), text
        assert re.search(r'action: "[^"]', text), text


def test_rules_ask_only_for_metrics_that_a_worker_exports() -> None:
    asked = set(re.findall(r"liveshop_\w+", RULES))
    assert len(asked) > 8
    assert asked <= exported_names()


def test_rule_tests_use_only_metrics_that_a_worker_exports() -> None:
    assert set(re.findall(r"\bliveshop_\w+", RULES_TEST)) <= exported_names()


@pytest.mark.parametrize(
    "metric",
    ["lag_records", "gap_total", "store_up", "duplicate_total", "watermark", "last_flush"],
)
def test_what_ops_must_know_has_an_alert(metric: str) -> None:
    assert re.search(rf"liveshop_\w*{metric}", RULES)
