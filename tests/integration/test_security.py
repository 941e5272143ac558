"""TLS, logins, few rights and a token, all at once and with real servers; and no secret anywhere."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise, product
from pathlib import Path
from signal import Signals
from subprocess import CompletedProcess
from typing import Any
from urllib.parse import quote

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.admin import CreateAclsRequest

from liveshop import cli
from liveshop.embedded.clickhouse_server import ClickHouseServer
from liveshop.embedded.kafka_server import Doors, KafkaServer
from liveshop.embedded.process import Child, free_port
from tests.fixtures.clickhouse import least_privilege_config, need_clickhouse
from tests.fixtures.kafka import need_kafka
from tests.fixtures.tls import make_certificate
from tests.integration.front_door import NOISE, command, liveshop, wait_until
from tests.integration.harness import QUICK

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse, pytest.mark.timeout(240)]

#: Every one can be recognised, and has characters that mean something in an address.
KAFKA, WORKER, READER = "k4fka/S3CRET%:@x", "w0rker/S3CRET%:@x", "re4der/S3CRET%:@x"
TOKEN = "t0ken-S3CRET-0123456789"
SECRETS = {
    secret for one in (KAFKA, WORKER, READER, TOKEN) for secret in (one, quote(one, safe=""))
}

#: Words of kafka-acls.sh → numbers of its protocol.
_RESOURCES = {"--topic": 2, "--group": 3}
_PATTERNS = {"literal": 3, "prefixed": 4}
_OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8}
_ALLOW = 3


def documented_rights() -> list[tuple[int, str, int, int]]:
    """What docs/security.md grants: kind of resource, its name, kind of name, operation."""
    page = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
    rights = []
    for line in re.findall(r"^kafka-acls\.sh (.*)$", page.replace("\\\n", ""), flags=re.MULTILINE):
        words = line.split()
        options = list(pairwise(words))
        (resource,) = ((option, name) for option, name in options if option in _RESOURCES)
        pattern = dict(options).get("--resource-pattern-type", "literal")
        rights += [
            (_RESOURCES[resource[0]], resource[1], _PATTERNS[pattern], _OPERATIONS[operation])
            for option, operation in options
            if option == "--operation"
        ]
    return rights


@dataclass(frozen=True)
class Fortress:
    """Kafka and ClickHouse behind TLS and logins, and settings that get in."""

    kafka: KafkaServer
    authority: Path
    stranger: Path
    #: Certificates with their keys: the worker's has the rights, the guest's has none.
    worker: tuple[Path, Path]
    guest: tuple[Path, Path]
    env: dict[str, str]
    reader: dict[str, str]
    directory: Path
    said: list[str] = field(default_factory=list)

    def run(self, *arguments: str, **env: str) -> CompletedProcess[str]:
        """A command with these settings; what it says is kept."""
        done = liveshop(*arguments, cwd=self.directory, env={**self.env, **env})
        self.said.extend([done.stdout, done.stderr])
        return done


@pytest.fixture(scope="module")
def fortress(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fortress]:
    need_kafka()
    need_clickhouse()
    base = tmp_path_factory.mktemp("fortress")
    authority = make_certificate(base / "authority", "authority")
    server = make_certificate(base / "server", "localhost", authority)
    worker = make_certificate(base / "worker", "worker", authority)
    guest = make_certificate(base / "guest", "guest", authority)
    stranger, _ = make_certificate(base / "stranger", "stranger")
    identity = base / "identity.pem"
    identity.write_bytes(server[1].read_bytes() + server[0].read_bytes())
    secrets = base / "secrets"
    secrets.mkdir()
    for name, secret in (
        ("kafka", KAFKA),
        ("worker", WORKER),
        ("reader", READER),
        ("token", TOKEN),
    ):
        (secrets / name).write_text(f"{secret}\n")
    kafka = KafkaServer(
        base / "kafka",
        doors=Doors(identity, authority[0], {"shop": KAFKA}),
        settings={
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        },
    )
    store = ClickHouseServer(
        base / "clickhouse",
        least_privilege_config(base / "config", ["liveshop"]),
        env={"LIVESHOP_WORKER_PASSWORD": WORKER, "LIVESHOP_READER_PASSWORD": READER},
        identity=server,
    )
    directory = base / "here"
    directory.mkdir()
    with kafka, store:
        asyncio.run(grant(kafka.address, "User:shop", "User:CN=worker"))
        place = f"127.0.0.1:{store.tls_port}/liveshop?ca_certs={authority[0]}"
        env = {
            "LIVESHOP_BROKERS": kafka.address_of("SASL_SSL"),
            "LIVESHOP_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "LIVESHOP_KAFKA_USER": "shop",
            "LIVESHOP_KAFKA_PASSWORD_FILE": str(secrets / "kafka"),
            "LIVESHOP_KAFKA_CA_FILE": str(authority[0]),
            "LIVESHOP_STORE": f"clickhouses://liveshop_worker@{place}",
            "LIVESHOP_STORE_PASSWORD_FILE": str(secrets / "worker"),
            "LIVESHOP_HTTP_TOKEN_FILE": str(secrets / "token"),
            "LIVESHOP_LOG_LEVEL": "DEBUG",
        }
        reader = {
            "LIVESHOP_STORE": f"clickhouses://liveshop_reader:{quote(READER, safe='')}@{place}",
            "LIVESHOP_STORE_PASSWORD_FILE": "",
        }
        yield Fortress(kafka, authority[0], stranger, worker, guest, env, reader, directory)


async def grant(brokers: str, *users: str) -> None:
    """Give users of Kafka the rights that the documentation lists."""
    client = AIOKafkaClient(bootstrap_servers=brokers)
    await client.bootstrap()
    try:
        for user, (kind, name, pattern, right) in product(users, documented_rights()):
            request = CreateAclsRequest(kind, name, pattern, user, "*", right, _ALLOW)
            answer = await client.send(client.get_random_node(), request)
            assert [code for code, _ in answer.creation_responses] == [0]
    finally:
        await client.close()


def get(port: int, path: str, token: str = "") -> tuple[int, Any]:
    """Status and JSON of an answer; status 0 while nobody listens."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            body = answer.read()
            return answer.status, json.loads(body) if body.startswith(b"{") else body
    except urllib.error.HTTPError as error:
        return error.code, None
    except OSError:
        return 0, None


def _by_certificate(fortress: Fortress, own: tuple[Path, Path] | None) -> dict[str, str]:
    return {
        "LIVESHOP_BROKERS": fortress.kafka.address_of("SSL"),
        "LIVESHOP_KAFKA_SECURITY_PROTOCOL": "SSL",
        "LIVESHOP_KAFKA_USER": "",
        "LIVESHOP_KAFKA_PASSWORD_FILE": "",
        "LIVESHOP_KAFKA_CERT_FILE": str(own[0]) if own else "",
        "LIVESHOP_KAFKA_KEY_FILE": str(own[1]) if own else "",
    }


@contextmanager
def running_worker(
    fortress: Fortress, name: str, env: dict[str, str]
) -> Iterator[tuple[Child, int]]:
    """A worker and the port of its live page; the log is among what must not tell."""
    port = free_port()
    log = fortress.directory / f"{name}.log"
    call = command("worker", "--port", str(port))
    with Child(name, call, log, env=env, cwd=fortress.directory) as child:
        yield child, port


def partitions(port: int) -> int:
    """How many a worker folds."""
    health = get(port, "/healthz")[1] or {"details": {"assigned_partitions": 0}}
    return int(health["details"]["assigned_partitions"])


def test_a_show_through_tls_and_logins_is_exact_and_no_secret_is_told(fortress: Fortress) -> None:
    # The password goes through the client as it is, in the mechanism that hides nothing.
    by_password = {**fortress.env, **QUICK, "LIVESHOP_KAFKA_SASL_MECHANISM": "plain"}
    by_certificate = {**by_password, **_by_certificate(fortress, fortress.worker)}
    with (
        running_worker(fortress, "worker-1", by_password) as (worker, port),
        running_worker(fortress, "worker-2", by_certificate) as (other, other_port),
    ):
        wait_until(lambda: min(partitions(port), partitions(other_port)) >= 8, 60)
        replayed = fortress.run(
            *("replay", "--profile", "xinba-12h", "--duration", "4", "--truth", "truth.json")
        )
        assert replayed.returncode == 0, replayed.stderr
        reconciled = fortress.run(
            *("reconcile", "--truth", "truth.json", "--wait", "60", "--json"), **fortress.reader
        )
        assert reconciled.returncode == 0, reconciled.stdout + reconciled.stderr + worker.tail(3)
        assert json.loads(reconciled.stdout)["differences"] == []
        assert json.loads(reconciled.stdout)["orders"][0] > 50

        listed = fortress.run("report", "--list", **fortress.reader)
        room = listed.stdout.split()[0]
        assert fortress.run("report", room, **fortress.reader).stdout.startswith("<!doctype html>")
        letters = fortress.run("deadletters", "--replay", "--yes", "--json", **fortress.reader)
        assert json.loads(letters.stdout)["replayed"] > 0
        examined = fortress.run("doctor", "--json", "--port", "0")
        states = {one["what"]: one["state"] for one in json.loads(examined.stdout)}
        assert {states[what] for what in ("Kafka", "topics", "store", "tables")} == {"ok"}

        assert get(port, "/healthz")[0] == 200
        for path in ("/", "/api/live", "/api/stream", "/metrics", "/static/live.js"):
            assert get(port, path)[0] == 401
            assert get(port, path, TOKEN[:-1])[0] == 401
        assert get(port, "/metrics", TOKEN)[0] == 200
        live = get(port, "/api/live", TOKEN)[1]
        assert live["trust"]["dead_lettered"] > 0
        # Dead letters and KOL totals went to Kafka by Faust's own producer.
        wait_until(lambda: get(port, "/api/live", TOKEN)[1]["boards"])
        assert [one.stop(60, Signals.SIGINT) for one in (worker, other)] == [0, 0]
    assert_untold(fortress)


def assert_untold(fortress: Fortress) -> None:
    files = [path for path in fortress.directory.rglob("*") if path.is_file()]
    for log in fortress.directory.glob("*.log"):
        assert " DEBUG aiokafka.conn" in log.read_text()  # The libraries say all they can.
    for text in (*fortress.said, *(file.read_text(errors="replace") for file in files)):
        assert not [secret for secret in SECRETS if secret in text]
        assert "S3CRET" not in text


WRONG = "wr0ng/S3CRET%:@x"
#: What is wrong → the settings, and words of the sentence and of the hint.
REFUSALS: dict[str, tuple[Callable[[Fortress], dict[str, str]], str, str]] = {
    "password": (
        lambda _: {"LIVESHOP_KAFKA_PASSWORD_FILE": "", "LIVESHOP_KAFKA_PASSWORD": WRONG},
        "refuses the user 'shop' or the password",
        "LIVESHOP_KAFKA_PASSWORD",
    ),
    "password in the clear": (
        lambda _: {
            "LIVESHOP_KAFKA_PASSWORD_FILE": "",
            "LIVESHOP_KAFKA_PASSWORD": WRONG,
            "LIVESHOP_KAFKA_SASL_MECHANISM": "PLAIN",
        },
        "refuses the user 'shop' or the password",
        "LIVESHOP_KAFKA_PASSWORD",
    ),
    "authority": (
        lambda fortress: {"LIVESHOP_KAFKA_CA_FILE": str(fortress.stranger)},
        "cannot be trusted: unable to get local issuer certificate",
        "LIVESHOP_KAFKA_CA_FILE",
    ),
    "no authority": (
        lambda _: {"LIVESHOP_KAFKA_CA_FILE": ""},
        "cannot be trusted: unable to get local issuer certificate",
        "LIVESHOP_KAFKA_CA_FILE",
    ),
    "no TLS": (
        lambda _: {"LIVESHOP_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"},
        "hangs up on a connection by PLAINTEXT",
        "SECURITY_PROTOCOL",
    ),
    "TLS where there is none": (
        lambda fortress: {"LIVESHOP_BROKERS": fortress.kafka.address},
        "hangs up on a connection by SASL_SSL",
        "SECURITY_PROTOCOL",
    ),
    "a login where there is none": (
        lambda fortress: {
            "LIVESHOP_BROKERS": fortress.kafka.address,
            "LIVESHOP_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "LIVESHOP_KAFKA_CA_FILE": "",
        },
        "does not speak SASL_PLAINTEXT",
        "SECURITY_PROTOCOL",
    ),
    "no certificate of ours": (
        lambda fortress: _by_certificate(fortress, None),
        "hangs up on a connection by SSL",
        "a certificate of ours",
    ),
    # The certificate opens the door, and the user in it has no rights at all.
    "rights": (
        lambda fortress: _by_certificate(fortress, fortress.guest),
        "refuses to create the topic live.rooms",
        "the right to",
    ),
}


@pytest.mark.parametrize("wrong", REFUSALS)
def test_what_keeps_us_out_of_kafka_is_one_sentence_without_the_secret(
    wrong: str,
    fortress: Fortress,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings, sentence, hint = REFUSALS[wrong]
    for name, value in {**fortress.env, **settings(fortress)}.items():
        monkeypatch.setenv(name, value)
    assert cli.run(["replay", "--profile", "boutique", "--duration", "1"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    first, second = said.err.splitlines()
    assert sentence in first
    assert hint in second
    assert "S3CRET" not in said.err


def test_what_keeps_us_out_of_the_store_is_one_sentence_without_the_secret(
    fortress: Fortress, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in fortress.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LIVESHOP_STORE_PASSWORD_FILE", "")
    monkeypatch.setenv("LIVESHOP_STORE_PASSWORD", WRONG)
    assert cli.run(["report", "--list"]) == 1
    said = capsys.readouterr()
    assert "User 'liveshop_worker' cannot log in" in said.err
    assert "S3CRET" not in said.out + said.err


def test_a_worker_without_the_rights_ends_with_one_sentence_without_the_secret(
    fortress: Fortress,
) -> None:
    done = fortress.run("worker", "--port", "0", LIVESHOP_LOG_LEVEL="WARNING", **fortress.reader)
    assert done.returncode == 1
    sentence, hint = done.stderr.splitlines()
    assert "User 'liveshop_reader' may not create the tables" in sentence
    assert "docs/security.md" in hint
    assert not [noise for noise in (*NOISE, "S3CRET") if noise in done.stderr]
