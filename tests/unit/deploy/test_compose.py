"""The compose file, the image and Grafana's provisioning, as far as they can be read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from deploy.grafana.panels import CLICKHOUSE, CLICKHOUSE_PLUGIN_VERSION, PROMETHEUS
from liveshop.settings import Settings
from tests.unit.deploy import plain_yaml

DEPLOY = Path(__file__).parents[3] / "deploy"


def read_yaml(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = plain_yaml.parse(path.read_text(encoding="utf-8"))
    return document


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return read_yaml(DEPLOY / "compose.yaml")


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose["services"]
    return found


def test_the_whole_system_is_there(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == {"kafka", "clickhouse", "worker", "prometheus", "grafana"}


def test_every_port_is_bound_to_this_machine_only(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        for port in service["ports"]:
            assert re.fullmatch(r"127\.0\.0\.1:\d+(-\d+)?:\d+", port), name


def test_no_two_services_want_the_same_port(services: dict[str, dict[str, Any]]) -> None:
    taken: list[int] = []
    for service in services.values():
        for port in service["ports"]:
            first, _, last = port.split(":")[1].partition("-")
            taken += range(int(first), int(last or first) + 1)
    assert len(set(taken)) == len(taken)


def test_every_image_is_pinned_to_a_version(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert re.search(r":v?\d+\.\d+(\.\d+)?$", service["image"]), name


def test_every_service_is_watched_and_restarted(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        test = service["healthcheck"]["test"]
        assert test[0] in ("CMD", "CMD-SHELL"), name
        assert len(test) == 2 or test[0] == "CMD", name
        assert service["restart"] == "unless-stopped", name


def test_services_wait_for_services_that_exist(services: dict[str, dict[str, Any]]) -> None:
    for service in services.values():
        for other, how in service.get("depends_on", {}).items():
            assert other in services
            assert how == {"condition": "service_healthy"}


def test_every_mounted_file_exists_and_every_volume_is_declared(
    compose: dict[str, Any], services: dict[str, dict[str, Any]]
) -> None:
    for name, service in services.items():
        for volume in service.get("volumes", ()):
            source, target, *mode = volume.split(":")
            assert target.startswith("/"), name
            if source.startswith("."):
                assert (DEPLOY / source).exists(), source
                assert mode == ["ro"], f"{name} could change {source}"
            else:
                assert source in compose["volumes"], name


def test_the_worker_is_told_only_what_it_can_be_told(services: dict[str, dict[str, Any]]) -> None:
    environment = services["worker"]["environment"]
    known = {f"LIVESHOP_{field.upper()}" for field in Settings.model_fields}
    assert set(environment) <= known
    settings = Settings(
        **{name.removeprefix("LIVESHOP_").lower(): value for name, value in environment.items()}
    )
    assert settings.host == "0.0.0.0"
    assert services["worker"]["ports"][0].endswith(f":{settings.port}")


def test_the_worker_reaches_the_listener_that_kafka_advertises_inside(
    services: dict[str, dict[str, Any]],
) -> None:
    brokers = services["worker"]["environment"]["LIVESHOP_BROKERS"]
    advertised = services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert f"INSIDE://{brokers}" in advertised
    assert "OUTSIDE://127.0.0.1:9092" in advertised


def test_every_listener_of_kafka_has_a_protocol(services: dict[str, dict[str, Any]]) -> None:
    environment = services["kafka"]["environment"]
    listeners = re.findall(r"(\w+)://", environment["KAFKA_LISTENERS"])
    protocols = dict(
        pair.split(":") for pair in environment["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")
    )
    assert set(listeners) == set(protocols)


def test_the_worker_image_is_built_from_files_that_exist(
    services: dict[str, dict[str, Any]],
) -> None:
    build = services["worker"]["build"]
    context = DEPLOY / build["context"]
    dockerfile = (context / build["dockerfile"]).read_text(encoding="utf-8")
    allowed = (context / f"{build['dockerfile']}.dockerignore").read_text("utf-8").splitlines()
    sources = [
        word for line in re.findall(r"^COPY (.+)$", dockerfile, re.M) for word in line.split()[:-1]
    ]
    assert "requirements.lock" in sources
    for source in sources:
        assert (context / source).exists(), source
        assert f"!{source}" in allowed, source


def test_the_image_holds_every_package_of_the_wheel() -> None:
    wheel = re.search(r"packages = \[(.+)\]", (DEPLOY.parent / "pyproject.toml").read_text("utf-8"))
    assert wheel is not None
    dockerfile = (DEPLOY / "Dockerfile").read_text("utf-8")
    for package in re.findall(r'"(\w+)"', wheel[1]):
        assert f"COPY {package} {package}\n" in dockerfile


def test_prometheus_scrapes_the_worker_service(services: dict[str, dict[str, Any]]) -> None:
    (job,) = read_yaml(DEPLOY / "prometheus" / "prometheus.yml")["scrape_configs"]
    assert job["job_name"] == "liveshop"
    (discovery,) = job["dns_sd_configs"]
    assert discovery["names"] == ["worker"]
    assert discovery["port"] == services["worker"]["environment"]["LIVESHOP_PORT"]


def test_grafana_has_the_data_sources_of_the_dashboard(
    services: dict[str, dict[str, Any]],
) -> None:
    provisioned = read_yaml(DEPLOY / "grafana/provisioning/datasources/liveshop.yaml")[
        "datasources"
    ]
    by_type = {source["type"]: source for source in provisioned}
    assert {source["type"]: source["uid"] for source in provisioned} == {
        known["type"]: known["uid"] for known in (PROMETHEUS, CLICKHOUSE)
    }
    assert by_type["prometheus"]["url"] == "http://prometheus:9090"
    clickhouse = by_type[CLICKHOUSE["type"]]
    assert clickhouse["jsonData"]["host"] in services
    assert clickhouse["secureJsonData"]["password"] == "$CLICKHOUSE_READER_PASSWORD"
    assert "CLICKHOUSE_READER_PASSWORD" in services["grafana"]["environment"]
    assert "CLICKHOUSE_READER_PASSWORD" in services["clickhouse"]["environment"]


def test_grafana_knows_how_often_prometheus_scrapes() -> None:
    scraped = read_yaml(DEPLOY / "prometheus" / "prometheus.yml")["global"]["scrape_interval"]
    provisioned = read_yaml(DEPLOY / "grafana/provisioning/datasources/liveshop.yaml")[
        "datasources"
    ]
    (interval,) = (s["jsonData"]["timeInterval"] for s in provisioned if s["type"] == "prometheus")
    assert interval == scraped


def test_grafana_loads_the_dashboards_folder_and_the_plugin_of_the_targets(
    services: dict[str, dict[str, Any]],
) -> None:
    (provider,) = read_yaml(DEPLOY / "grafana/provisioning/dashboards/liveshop.yaml")["providers"]
    grafana = services["grafana"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in grafana["volumes"]
    assert grafana["environment"]["GF_PLUGINS_PREINSTALL_SYNC"] == (
        f"{CLICKHOUSE['type']}@{CLICKHOUSE_PLUGIN_VERSION}"
    )


def test_the_account_of_grafana_can_only_read() -> None:
    reader = (DEPLOY / "clickhouse" / "reader.xml").read_text(encoding="utf-8")
    assert re.findall(r"<query>(.+)</query>", reader) == ["GRANT SELECT ON liveshop.*"]
    assert "<readonly>2</readonly>" in reader
