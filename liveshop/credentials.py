"""Secrets and certificates of the settings, made ready for use. Only here are they unmasked."""

from __future__ import annotations

import ipaddress
import ssl
from pathlib import Path
from typing import Final
from urllib.parse import quote

from pydantic import SecretStr

from liveshop.settings import Settings, variable
from schemas.errors import UsageError
from schemas.kafka_security import KafkaSecurity

#: Shorter tokens can be guessed.
LEAST_TOKEN_CHARACTERS: Final = 16
#: Said where a worker starts, because it is easily overlooked.
EXPOSED: Final = (
    "liveshop: warning: everybody who can reach this machine can read the live page and its "
    f"figures; set {variable('http_token')}, or {variable('host')} to 127.0.0.1."
)
#: What a TLS library would ask a person for on the terminal.
_ENCRYPTED_HINT: Final = "Give one without: openssl pkey -in KEY -out NEWKEY"


def kafka_security(settings: Settings) -> KafkaSecurity:
    """How to connect to Kafka.

    Raises:
        UsageError: a file cannot be used, or settings are missing or contradict each other.
    """
    protocol = settings.kafka_security_protocol
    login = [
        name
        for name in ("kafka_user", "kafka_password", "kafka_password_file")
        if _is_set(settings, name)
    ]
    files = [
        name
        for name in ("kafka_ca_file", "kafka_cert_file", "kafka_key_file")
        if _is_set(settings, name)
    ]
    if protocol == "PLAINTEXT":
        # Said in so many words it wins: a run on a broker of its own needs none of the others.
        if "kafka_security_protocol" not in settings.model_fields_set:
            _refuse(login + files, protocol, "SASL_SSL, for example" if login else "SSL")
        return KafkaSecurity()
    if protocol == "SSL":
        _refuse(login, protocol, "SASL_SSL")
    if protocol == "SASL_PLAINTEXT":
        _refuse(files, protocol, "SASL_SSL")
    tls = None if protocol == "SASL_PLAINTEXT" else _tls(settings)
    if protocol == "SSL":
        return KafkaSecurity(protocol, tls=tls)
    password = _secret(settings, "kafka_password")
    for name, value in (("kafka_user", settings.kafka_user), ("kafka_password", password)):
        if not value:
            raise UsageError(
                f"{protocol} needs {variable(name)}.",
                f"Set it; a password may also stand in a file, see {variable('kafka_password_file')}.",
            )
    return KafkaSecurity(
        protocol, settings.kafka_sasl_mechanism, settings.kafka_user, password, tls
    )


def store_address(settings: Settings) -> str:
    """The store's address, with the password that was given apart from it.

    Raises:
        UsageError: the password's file cannot be read, or there are two passwords.
    """
    address = settings.store.get_secret_value()
    password = _secret(settings, "store_password")
    if not password or not address.startswith(("clickhouse://", "clickhouses://")):
        return address
    scheme, _, rest = address.partition("://")
    place = rest.partition("/")[0]
    login, at, host = place.rpartition("@")
    if ":" in login:
        raise UsageError(
            f"There is a password both in {variable('store')} and in {variable('store_password')}.",
            "Leave one of them out.",
        )
    user = login if at else "default"
    return f"{scheme}://{user}:{quote(password, safe='')}@{host}{rest[len(place) :]}"


def http_token(settings: Settings) -> str:
    """What the HTTP endpoints ask for; empty for nothing.

    Raises:
        UsageError: its file cannot be read, or it is too short or cannot stand in a header.
    """
    token = _secret(settings, "http_token")
    if token and len(token) < LEAST_TOKEN_CHARACTERS:
        raise UsageError(
            f"{variable('http_token')} has fewer than {LEAST_TOKEN_CHARACTERS} characters.",
            "Make one with: openssl rand -hex 24",
        )
    if not token.isascii() or any(
        not character.isprintable() or character == " " for character in token
    ):
        raise UsageError(
            f"{variable('http_token')} has characters that cannot stand in an HTTP header.",
            "Make one with: openssl rand -hex 24",
        )
    return token


def is_exposed(settings: Settings) -> bool:
    """Whether others than this machine can read the HTTP endpoints, without any token."""
    try:
        is_ours_alone = ipaddress.ip_address(settings.host).is_loopback
    except ValueError:
        is_ours_alone = settings.host == "localhost"
    return not is_ours_alone and not http_token(settings)


# --- secrets ----------------------------------------------------------------------------------


def _secret(settings: Settings, name: str) -> str:
    """A secret, from its variable or from the file that another one names."""
    value: SecretStr = getattr(settings, name)
    file: Path | None = getattr(settings, f"{name}_file")
    if file is None:
        return value.get_secret_value()
    if value.get_secret_value():
        raise UsageError(
            f"{variable(name)} and {variable(f'{name}_file')} contradict each other.",
            "Leave one of them out.",
        )
    try:
        text = file.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(f"{name}_file", file, error) from None
    if not text:
        raise UsageError(
            f"The file {file} of {variable(f'{name}_file')} is empty.", "Write the secret into it."
        )
    return text


def _is_set(settings: Settings, name: str) -> bool:
    value = getattr(settings, name)
    return bool(value.get_secret_value() if isinstance(value, SecretStr) else value)


def _refuse(names: list[str], protocol: str, better: str) -> None:
    if names:
        raise UsageError(
            f"{variable(names[0])} has no effect with the security protocol {protocol}.",
            f"Set {variable('kafka_security_protocol')} to {better}.",
        )


# --- certificates -----------------------------------------------------------------------------


def _tls(settings: Settings) -> ssl.SSLContext:
    """Certificates are always verified, and so is the name in them."""
    authorities, certificate = settings.kafka_ca_file, settings.kafka_cert_file
    if authorities is not None:
        _need_readable("kafka_ca_file", authorities)
    try:
        context = ssl.create_default_context(cafile=authorities)
    except ssl.SSLError:
        raise UsageError(
            f"The file {authorities} of {variable('kafka_ca_file')} holds no certificate.",
            "It must be in PEM format: -----BEGIN CERTIFICATE-----",
        ) from None
    if certificate is not None:
        _add_own_certificate(context, certificate, settings.kafka_key_file)
    elif settings.kafka_key_file is not None:
        raise UsageError(
            f"{variable('kafka_key_file')} is set, and {variable('kafka_cert_file')} is not.",
            "Name the certificate that the key belongs to.",
        )
    return context


def _add_own_certificate(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    _need_readable("kafka_cert_file", certificate)
    if key is not None:
        _need_readable("kafka_key_file", key)

    def ask() -> str:
        raise UsageError(f"The key {key or certificate} has a passphrase.", _ENCRYPTED_HINT)

    try:
        context.load_cert_chain(certificate, key, password=ask)
    except ssl.SSLError:
        raise UsageError(
            f"{certificate} and {key or certificate} are no certificate and its private key.",
            "Both must be in PEM format, and belong together.",
        ) from None


def _need_readable(name: str, file: Path) -> None:
    try:
        with file.open("rb") as content:
            content.read(1)
    except OSError as error:
        raise _unreadable(name, file, error) from None


def _unreadable(name: str, file: Path, error: OSError | UnicodeDecodeError) -> UsageError:
    reason = (error.strerror or "") if isinstance(error, OSError) else "it is no text"
    return UsageError(
        f"The file {file} of {variable(name)} cannot be read: {reason}.",
        "Correct its name, or let this user read it.",
    )
