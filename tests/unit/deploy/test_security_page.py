"""docs/security.md says what is so. Its rights for Kafka are those of tests/integration/test_security.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agents.stores import open_store
from liveshop import cli
from liveshop.credentials import kafka_security, store_address
from liveshop.settings import Settings, load_settings, variable
from schemas.errors import UsageError
from schemas.migrate import split_statements
from schemas.store import StoreRejected
from tests.unit.deploy.test_prometheus import promtool

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ACCOUNTS = ROOT / "deploy" / "clickhouse" / "accounts"
CONCERNED = re.compile(r"kafka_.*|store|store_password.*|http_token.*|host")


def test_the_table_has_every_setting_with_its_option(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = dict(re.findall(r"^\| `(LIVESHOP_\w+)` \| (?:`--([\w-]+)`)?", PAGE, flags=re.MULTILINE))
    fields = [name for name in Settings.model_fields if CONCERNED.fullmatch(name)]
    monkeypatch.setenv("COLUMNS", "200")
    assert cli.run(["worker", "--help"]) == 0
    options = re.findall(r"--([\w-]+)", capsys.readouterr().out)
    wanted = {name: name.replace("_", "-") for name in fields}
    assert rows == {
        variable(name): option if option in options else "" for name, option in wanted.items()
    }


def test_the_names_in_the_table_are_those_that_the_settings_take() -> None:
    for name in ("kafka_security_protocol", "kafka_sasl_mechanism"):
        (row,) = re.findall(rf"`{variable(name)}` \| `[\w-]+` \| (.*) \|", PAGE)
        values = re.findall(r"`([\w-]+)`", row)
        assert len(values) > 2
        assert getattr(load_settings(), name) == values[0]
        for value in values:
            assert getattr(load_settings(**{name: value}), name) == value


def exported(block: str) -> dict[str, str]:
    found = re.findall(r"^export LIVESHOP_(\w+)=(?:'([^']*)'|(\S+))$", block, flags=re.MULTILINE)
    return {name.lower(): quoted or plain for name, quoted, plain in found}


def test_the_examples_lack_nothing_but_the_files_they_name(tmp_path: Path) -> None:
    kafka, _, store, _ = re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)
    settings = load_settings(**exported(kafka))
    with pytest.raises(UsageError, match="of LIVESHOP_KAFKA_CA_FILE cannot be read: No such file"):
        kafka_security(settings)
    password = tmp_path / "password"
    password.write_text("w0rker")
    settings = load_settings(**{**exported(store), "store_password_file": password})
    address = store_address(settings)
    assert address.startswith("clickhouses://liveshop_worker:w0rker@clickhouse.example/liveshop?")


@pytest.mark.prometheus
def test_prometheus_accepts_the_example(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    token = tmp_path / "token"
    token.write_text("0123456789abcdef")
    config = tmp_path / "prometheus.yml"
    config.write_text(example.replace("/run/secrets/liveshop-token", str(token)))
    assert "SUCCESS" in promtool("check", "config", str(config))


def test_both_kinds_of_accounts_have_the_same_names() -> None:
    old, new = ((ACCOUNTS / name).read_text() for name in ("before-20.4.xml", "grants.sql"))
    users = {"liveshop_worker", "liveshop_reader"}
    assert set(re.findall(r"CREATE USER IF NOT EXISTS (\w+)", new)) == users
    assert set(re.findall(r"<(liveshop_\w+)>\s*<password", old)) == users
    assert all(user in PAGE for user in users)


@pytest.mark.embedded
def test_todays_engine_understands_the_grants(chdb_dsn: str) -> None:
    engine = open_store(chdb_dsn)
    for statement in split_statements((ACCOUNTS / "grants.sql").read_text()):
        assert engine.query(f"EXPLAIN AST {statement}")
    with pytest.raises(StoreRejected, match="Syntax error"):
        engine.query("EXPLAIN AST GRANT SELECT, CREATE TABEL ON liveshop.* TO somebody")
    engine.close()
