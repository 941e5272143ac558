"""How a client of Kafka makes itself known, and makes sure of whom it speaks to."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """What every connection to one Kafka cluster has in common; the names are Kafka's.

    Attributes:
        protocol: what the listener speaks.
        mechanism: how user and password are proven, with ``SASL_*``.
        user: the login, with ``SASL_*``.
        password: its secret; kept out of ``repr``.
        tls: whom to trust, and the client's own certificate, with ``SSL`` and ``SASL_SSL``.
    """

    protocol: Protocol = "PLAINTEXT"
    mechanism: Mechanism = "SCRAM-SHA-512"
    user: str = ""
    password: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    @property
    def logs_in(self) -> bool:
        """Whether there are user and password."""
        return self.protocol.startswith("SASL_")

    def client_arguments(self) -> dict[str, Any]:
        """Keyword arguments that all clients of aiokafka have in common."""
        arguments: dict[str, Any] = {"security_protocol": self.protocol, "ssl_context": self.tls}
        if self.logs_in:
            arguments["sasl_mechanism"] = self.mechanism
            arguments["sasl_plain_username"] = self.user
            arguments["sasl_plain_password"] = self.password
        return arguments


#: No login and no encryption: a broker on this machine, or on a network of its own.
PLAINTEXT: Final = KafkaSecurity()
