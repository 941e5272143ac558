"""Whether a port can be had, found out before anything is started."""

from __future__ import annotations

import errno
import socket

from schemas.errors import Unavailable, UsageError


def need_port(host: str, port: int) -> None:
    """Refuse a port that cannot be listened on; 0 means any, and is always there.

    Raises:
        Unavailable: another process has it, or this user may not have it.
        UsageError: the host is none of this machine's addresses.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        raise _refusal(host, port, error) from None


def _refusal(host: str, port: int, error: OSError | UnicodeError) -> Unavailable | UsageError:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return Unavailable(
            f"Port {port} is in use.",
            f"Choose another one for the live page, for example --port {min(port + 1, 65_535)}.",
        )
    if number == errno.EACCES:
        return Unavailable(
            f"Port {port} is not for this user.", "Choose one above 1023 with --port."
        )
    return UsageError(
        f"{host!r} is no address of this machine.",
        "Set LIVESHOP_HOST to 127.0.0.1, or to 0.0.0.0 for everybody.",
    )
