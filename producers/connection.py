"""What is common to every connection that producers open to Kafka."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)

from schemas.errors import LiveshopError, Unavailable, UsageError
from schemas.kafka_security import PLAINTEXT, KafkaSecurity

#: aiokafka alone would wait for 40 s on a host that swallows packets.
CONNECT_TIMEOUT_S: Final = 8.0
#: For finding out why a connection failed, which it did at once.
_PROBE_TIMEOUT_S: Final = 2.0

_NO_RIGHTS: Final = (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
)
_PROTOCOL_HINT: Final = "Set LIVESHOP_KAFKA_SECURITY_PROTOCOL to what the listener on this port is."


@asynccontextmanager
async def answering(bootstrap: str, security: KafkaSecurity = PLAINTEXT) -> AsyncIterator[None]:
    """Turn a broker that does not answer in time, or not to us, into one clear sentence.

    Raises:
        Unavailable: nothing answers there, or what answers is no Kafka broker.
        UsageError: the address is not of the form ``HOST:PORT``, the broker cannot be trusted, or
            it refuses user, password or certificate. Waiting does not help.
    """
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            yield
    except _NO_RIGHTS as error:
        raise UsageError(
            f"The Kafka user {security.user!r} lacks a right at {bootstrap}: {error.message}.",
            "docs/security.md lists what it needs.",
        ) from error
    except TimeoutError as error:
        raise _nobody(bootstrap) from error
    except (KafkaError, OSError) as error:
        raise await _refusal(bootstrap, security) from error
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{bootstrap!r} is not an address of a Kafka broker.",
            "Give HOST:PORT, or several of them with commas in between.",
        ) from error


def _nobody(bootstrap: str) -> Unavailable:
    return Unavailable(
        f"No Kafka broker answers at {bootstrap}.",
        "Start it, or give its address in LIVESHOP_BROKERS.",
    )


async def _refusal(bootstrap: str, security: KafkaSecurity) -> LiveshopError:
    """Why there is no connection: aiokafka only logs it, so we try once more and look."""
    for host, port, _ in collect_hosts(bootstrap):
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                connection = await create_conn(host, port, **security.client_arguments())
        except (KafkaError, OSError, ValueError) as error:
            reason = _reason(f"{host}:{port}", security, error)
            if reason is not None:
                return reason
        else:
            connection.close()
    return _nobody(bootstrap)


def _reason(place: str, security: KafkaSecurity, error: Exception) -> LiveshopError | None:
    """What a failed connection says about the settings; ``None`` if it says nothing."""
    match error:
        case ssl.SSLCertVerificationError():
            return UsageError(
                f"The certificate of the Kafka broker at {place} cannot be trusted: "
                f"{error.verify_message.rstrip('.')}.",
                "Name the file of its authority in LIVESHOP_KAFKA_CA_FILE, and the broker as its "
                "certificate does.",
            )
        case SaslAuthenticationFailed():
            return UsageError(
                f"Kafka at {place} refuses the user {security.user!r} or the password.",
                "Correct LIVESHOP_KAFKA_USER and LIVESHOP_KAFKA_PASSWORD, or "
                "LIVESHOP_KAFKA_SASL_MECHANISM.",
            )
        case UnsupportedSaslMechanismError():
            return UsageError(
                f"Kafka at {place} does not know the mechanism {security.mechanism}.",
                "Set LIVESHOP_KAFKA_SASL_MECHANISM to one that the broker has enabled.",
            )
        case ssl.SSLError() | IllegalSaslStateError():
            return UsageError(
                f"Kafka at {place} does not speak {security.protocol}.", _PROTOCOL_HINT
            )
        case KafkaError() | ConnectionResetError() | ConnectionAbortedError():
            return Unavailable(
                f"What listens at {place} hangs up on a connection by {security.protocol}.",
                f"{_PROTOCOL_HINT} It may also want a certificate of ours.",
            )
    return None
