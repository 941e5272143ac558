"""Secrets stay masked until they are used; files and settings that cannot be are said in a sentence."""

from __future__ import annotations

import logging
import pickle
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from liveshop import cli
from liveshop.credentials import http_token, is_exposed, kafka_security, store_address
from liveshop.demo import Plan
from liveshop.lazy import LazyGroup
from liveshop.settings import Settings, load_settings
from liveshop.worker_config import worker_config
from producers.generator import Show
from producers.pacing import Schedule
from producers.profile_files import load_profile
from producers.truth import TruthBook
from schemas.errors import UsageError
from schemas.kafka_security import KafkaSecurity
from tests.fixtures.tls import make_certificate

MARK = "S3CRET-0123456789%/x"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("certificates")
    for name in ("ours", "theirs"):
        make_certificate(base / name)
    key = ["openssl", "pkey", "-in", str(base / "ours" / "key.pem"), "-aes128"]
    locked = ["-passout", "pass:x", "-out", str(base / "locked.pem")]
    subprocess.run([*key, *locked], check=True, capture_output=True)
    (base / "text.pem").write_text("hello")
    return base


# --- masks ------------------------------------------------------------------------------------


def everything_secret() -> Settings:
    return load_settings(
        kafka_security_protocol="SASL_PLAINTEXT",
        kafka_user="shop",
        kafka_password=MARK,
        store=f"clickhouse://shop:{MARK}@127.0.0.1:1/shop",
        http_token=MARK,
    )


def test_nothing_that_holds_a_secret_shows_it() -> None:
    settings = everything_secret()
    show = Show(load_profile("boutique"), seed=1)
    plan = Plan(show, Schedule(1.0), 1.0, settings, [1], "x:1", store_address(settings))
    for holder in (settings, kafka_security(settings), worker_config(settings), plan):
        assert "S3CRET" not in f"{holder!r} {holder!s} {holder}"
    assert "S3CRET" not in settings.model_dump_json()


@pytest.mark.parametrize("name", ["kafka_password", "store_password", "http_token", "store"])
def test_every_setting_that_may_be_a_secret_is_masked(name: str) -> None:
    assert MARK not in repr(load_settings(**{name: MARK}))


def test_secrets_are_still_there_for_those_who_need_them() -> None:
    settings = everything_secret()
    assert kafka_security(settings).client_arguments()["sasl_plain_password"] == MARK
    assert worker_config(settings).token == MARK
    assert pickle.loads(pickle.dumps(kafka_security(settings))).password == MARK


# --- from files -------------------------------------------------------------------------------


def test_a_secret_is_the_text_of_its_file_without_the_end_of_the_line() -> None:
    Path("secret").write_text(f"{MARK}\n")
    assert http_token(load_settings(http_token_file="secret")) == MARK
    Path("secret").write_bytes(f" {MARK}\r\n".encode())
    assert store_address(load_settings(store_password_file="secret")).startswith(
        "clickhouse://default:%20S3CRET-0123456789%25%2Fx@"
    )


@pytest.mark.parametrize(
    ("store", "address"),
    [
        ("clickhouse://h/d", "clickhouse://default:p%40@h/d"),
        ("clickhouse://u@h:1/d?secure=1", "clickhouse://u:p%40@h:1/d?secure=1"),
        ("clickhouses://u@h", "clickhouses://u:p%40@h"),
        ("chdb://directory", "chdb://directory"),
        ("nonsense", "nonsense"),
    ],
)
def test_the_stores_password_finds_its_place(store: str, address: str) -> None:
    assert store_address(load_settings(store=store, store_password="p@")) == address


# --- mistakes ---------------------------------------------------------------------------------

SASL = {"kafka_security_protocol": "SASL_SSL", "kafka_user": "u", "kafka_password": MARK}
SSL = {"kafka_security_protocol": "SSL"}

#: Settings → words of the sentence and of the hint.
MISTAKES: list[tuple[dict[str, str], str, str]] = [
    (
        {"kafka_user": "u"},
        "KAFKA_USER has no effect with the security protocol PLAINTEXT",
        "SASL_SSL",
    ),
    ({"kafka_password": MARK}, "KAFKA_PASSWORD has no effect", "SASL_SSL"),
    ({"kafka_ca_file": "x"}, "KAFKA_CA_FILE has no effect", "to SSL"),
    ({**SSL, "kafka_user": "u"}, "KAFKA_USER has no effect", "SASL_SSL"),
    (
        {**SASL, "kafka_security_protocol": "SASL_PLAINTEXT", "kafka_ca_file": "ours/cert.pem"},
        "KAFKA_CA_FILE has no effect",
        "SASL_SSL",
    ),
    ({**SASL, "kafka_user": ""}, "SASL_SSL needs LIVESHOP_KAFKA_USER", "Set it"),
    ({**SASL, "kafka_password": ""}, "SASL_SSL needs LIVESHOP_KAFKA_PASSWORD", "PASSWORD_FILE"),
    ({**SASL, "kafka_password_file": "text.pem"}, "contradict each other", "one of them"),
    (
        {**SASL, "kafka_password": "", "kafka_password_file": "none"},
        "file none of LIVESHOP_KAFKA_PASSWORD_FILE cannot be read: No such file or directory",
        "Correct its name",
    ),
    (
        {**SASL, "kafka_password": "", "kafka_password_file": "empty"},
        "of LIVESHOP_KAFKA_PASSWORD_FILE is empty",
        "Write",
    ),
    ({**SASL, "kafka_password": "", "kafka_password_file": "binary"}, "it is no text", "Correct"),
    ({**SSL, "kafka_ca_file": "none"}, "KAFKA_CA_FILE cannot be read: No such file", "Correct"),
    ({**SSL, "kafka_ca_file": "ours"}, "KAFKA_CA_FILE cannot be read: Is a directory", "Correct"),
    ({**SSL, "kafka_ca_file": "text.pem"}, "holds no certificate", "BEGIN CERTIFICATE"),
    ({**SSL, "kafka_cert_file": "none"}, "KAFKA_CERT_FILE cannot be read", "Correct"),
    ({**SSL, "kafka_key_file": "ours/key.pem"}, "KAFKA_CERT_FILE is not", "the certificate"),
    (
        {**SSL, "kafka_cert_file": "ours/cert.pem", "kafka_key_file": "none"},
        "KAFKA_KEY_FILE cannot be read",
        "Correct",
    ),
    (
        {**SSL, "kafka_cert_file": "ours/cert.pem", "kafka_key_file": "theirs/key.pem"},
        "are no certificate and its private key",
        "belong together",
    ),
    ({**SSL, "kafka_cert_file": "ours/cert.pem"}, "are no certificate and its", "PEM"),
    (
        {**SSL, "kafka_cert_file": "ours/cert.pem", "kafka_key_file": "locked.pem"},
        "locked.pem has a passphrase",
        "openssl pkey",
    ),
    ({"store": "clickhouse://u:S3CRET@h/d", "store_password": MARK}, "password both in", "one of"),
    ({"http_token": "short"}, "fewer than 16 characters", "openssl rand"),
    ({"http_token": "has spaces in it, many"}, "cannot stand in an HTTP header", "openssl rand"),
    ({"http_token": "gehört-nicht-in-einen-kopf"}, "cannot stand in an HTTP header", "openssl"),
]


def use_all(settings: Settings) -> None:
    kafka_security(settings)
    store_address(settings)
    http_token(settings)


@pytest.mark.parametrize(("settings", "sentence", "hint"), MISTAKES)
def test_a_mistake_is_one_sentence_that_tells_no_secret(
    settings: dict[str, str],
    sentence: str,
    hint: str,
    certificates: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(certificates)
    Path("empty").touch()
    Path("binary").write_bytes(b"\x00\xff\xfe")
    chosen = load_settings(**settings)
    with pytest.raises(UsageError) as caught:
        use_all(chosen)
    assert sentence in caught.value.sentence
    assert hint in caught.value.hint
    assert "S3CRET" not in caught.value.sentence + caught.value.hint


@pytest.mark.parametrize(
    ("name", "value"),
    [("KAFKA_SECURITY_PROTOCOL", "TLS"), ("KAFKA_SASL_MECHANISM", "GSSAPI")],
)
def test_a_name_that_kafka_does_not_know_is_refused_with_those_that_it_does(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"LIVESHOP_{name}", value)
    with pytest.raises(UsageError, match=f"LIVESHOP_{name} cannot be '{value}'.*'S.*' or 'S"):
        load_settings()


def test_plaintext_in_so_many_words_needs_none_of_the_others() -> None:
    chosen = load_settings(**{**SASL, "kafka_security_protocol": "plaintext"})
    assert kafka_security(chosen) == KafkaSecurity()


def test_certificates_are_always_verified_and_so_are_names(certificates: Path) -> None:
    chosen = load_settings(**SSL, kafka_ca_file=certificates / "ours" / "cert.pem")
    tls = kafka_security(chosen).tls
    assert tls is not None
    assert tls.check_hostname
    assert tls.verify_mode.name == "CERT_REQUIRED"
    assert tls.minimum_version.name == "TLSv1_2"


@pytest.mark.parametrize(
    ("host", "exposed"),
    [
        *((host, False) for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost")),
        *((host, True) for host in ("0.0.0.0", "::", "", "192.0.2.1", "shop.example")),
    ],
)
def test_whoever_listens_to_others_without_a_token_is_exposed(host: str, exposed: bool) -> None:
    assert is_exposed(load_settings(host=host)) is exposed
    assert not is_exposed(load_settings(host=host, http_token=MARK))


@pytest.mark.usefixtures("logging_as_before")
def test_a_worker_warns_where_everybody_can_read_it_and_only_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIVESHOP_START_WAIT_S", "0")
    Path("token").write_text(MARK)
    monkeypatch.setenv("LIVESHOP_HTTP_TOKEN_FILE", "")
    line = ["worker", "--port", "0", "--brokers", "127.0.0.1:1"]
    for options, warnings in (
        ([], 0),
        (["--host", "0.0.0.0"], 1),
        (["--host", "0.0.0.0", "--http-token-file", "token"], 0),
    ):
        assert cli.run([*line, *options]) == 1
        said = capsys.readouterr().err.splitlines()
        assert len([one for one in said if one.startswith("liveshop: warning: ")]) == warnings
        assert len(said) == 2 + warnings


# --- the command line -------------------------------------------------------------------------


def test_an_option_names_a_file_and_never_takes_a_secret(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    for name in LazyGroup.summaries:
        cli.run([name, "--help"])
        shown = capsys.readouterr().out
        assert ("--kafka-password-file" in shown) == ("--brokers" in shown)
        assert ("--store-password-file" in shown) == ("--store " in shown)
        for secret in ("--kafka-password ", "--store-password ", "--http-token "):
            assert secret not in shown


def test_an_option_is_used_like_its_variable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Restored afterwards, for the option sets it for the workers that a command starts.
    monkeypatch.setenv("LIVESHOP_KAFKA_PASSWORD_FILE", "")
    monkeypatch.setenv("LIVESHOP_KAFKA_SECURITY_PROTOCOL", "")
    monkeypatch.setenv("LIVESHOP_KAFKA_USER", "")
    line = "replay --profile boutique --kafka-security-protocol sasl_ssl --kafka-user u"
    assert cli.run([*line.split(), "--kafka-password-file", "none"]) == 1
    assert "The file none of LIVESHOP_KAFKA_PASSWORD_FILE" in capsys.readouterr().err


# --- through commands -------------------------------------------------------------------------


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("logging_as_before")
@pytest.mark.parametrize(
    "line",
    [
        "worker --port 0 --brokers 127.0.0.1:1",
        "worker --port 0 --brokers nonsense",
        "replay --profile boutique",
        "reconcile --truth truth.json",
        "report --list",
        "report --list --store clickhouse://u:S3CRET@127.0.0.1:none/x",
        "report --list --store clickhouse://u:S3CRET@127.0.0.1:1/x?nonsense=1",
        "report --list --store clickhouse://u:S3CRET@127.0.0.1:1/no-plain-name",
        "deadletters",
        "deadletters --replay --yes",
        "doctor",
        "doctor --json",
        "demo --port 0 --duration 1 --brokers 127.0.0.1:1 --headless --json",
    ],
)
def test_no_secret_is_told_by_a_command_that_fails(
    line: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    truth = TruthBook().truth(source="", seed=None, scale=None, start_ms=0, end_ms=0)
    Path("truth.json").write_bytes(truth.to_json())
    for name, value in {
        "BROKERS": "127.0.0.1:1",
        "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "KAFKA_SASL_MECHANISM": "PLAIN",
        "KAFKA_USER": "shop",
        "KAFKA_PASSWORD": MARK,
        "STORE": f"clickhouse://shop:{MARK}@127.0.0.1:1/shop",
        "HTTP_TOKEN": MARK,
        "LOG_LEVEL": "DEBUG",
        "START_WAIT_S": "0",
    }.items():
        monkeypatch.setenv(f"LIVESHOP_{name}", value)
    assert cli.run(line.split()) == 1
    said = capfd.readouterr()
    assert said.out + said.err
    assert "S3CRET" not in said.out + said.err
    for file in Path().rglob("*"):
        assert not file.is_file() or b"S3CRET" not in file.read_bytes()
