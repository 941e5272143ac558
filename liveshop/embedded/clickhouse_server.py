"""A clickhouse-server process of one's own: free ports, its own data directory, no orphan."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from signal import Signals
from types import TracebackType
from typing import Final, Self

from liveshop.embedded.process import Child, free_ports
from schemas.errors import Unavailable

#: Part of a checkout, not of the wheel.
DEFAULT_CONFIG: Final = Path(__file__).resolve().parents[2] / "deploy" / "clickhouse" / "config.xml"
_START_SECONDS: Final = 20.0
_STOP_SECONDS: Final = 20.0
#: Debian keeps it out of an ordinary user's PATH.
_SEARCH_PATH: Final = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


def find_binary() -> str | None:
    """Where the ``clickhouse-server`` program is, or ``None``."""
    return shutil.which("clickhouse-server", path=_SEARCH_PATH)


class ClickHouseServer:
    """A server process that ends with this one.

    ::

        with ClickHouseServer(directory) as server:
            store = open_store(server.dsn("shop"))

    The ports are chosen once and stay the same over restarts. ``start`` must be called from a
    thread that outlives the server (see ``embedded.process``).

    Args:
        directory: for data and log; created if it is missing, and kept at the end.
        config: the server's configuration file; ports and directories in it do not count.
        login: ``user:password`` for :meth:`dsn`, where the configuration has others than the
            default user.
        env: for passwords that the configuration takes from there.
        identity: PEM files of a certificate and its private key, to speak TLS on ``tls_port``.
    """

    def __init__(
        self,
        directory: Path,
        config: Path = DEFAULT_CONFIG,
        *,
        login: str = "",
        env: Mapping[str, str] | None = None,
        identity: tuple[Path, Path] | None = None,
    ) -> None:
        self.directory = directory.resolve()
        self.config = config
        self.tcp_port, self.http_port, self.tls_port = free_ports(3)
        self._login = login
        self._env = dict(env or {})
        self._identity = identity
        self._child: Child | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        if self._child is None or self._child.exit_code is not None:
            return None
        return self._child.pid

    @property
    def log(self) -> Path:
        """What the server printed."""
        return self.directory / "server.log"

    def dsn(self, database: str = "liveshop", *, login: str | None = None) -> str:
        """The address for ``open_store``; ``login`` may name another user than the server's."""
        user = self._login if login is None else login
        return f"clickhouse://{user}{'@' if user else ''}127.0.0.1:{self.tcp_port}/{database}"

    def start(self) -> None:
        """Start the server and wait until it answers, at most 20 s; does nothing if it runs.

        Raises:
            Unavailable: there is no such program, or it ended or stayed silent.
        """
        if self.pid is not None:
            return
        binary = find_binary()
        if binary is None:
            raise Unavailable(
                "there is no clickhouse-server program on this machine",
                "on Debian: apt-get install --no-install-recommends clickhouse-server",
            )
        data = self.directory / "data"
        data.mkdir(parents=True, exist_ok=True)
        command = [
            binary,
            f"--config-file={self.config}",
            "--",
            f"--path={data}/",
            f"--tmp_path={data}/tmp/",  # noqa: S108 (inside of the data directory)
            f"--tcp_port={self.tcp_port}",
            f"--http_port={self.http_port}",
            *self._tls_options(),
        ]
        self._child = Child(
            "clickhouse-server", command, log=self.log, cwd=self.directory, env=self._env
        )
        try:
            self._wait_until_it_answers(self._child)
        except BaseException:
            self.kill()
            raise

    def _tls_options(self) -> list[str]:
        if self._identity is None:
            return []
        certificate, key = self._identity
        settings = {"certificateFile": certificate, "privateKeyFile": key}
        return [
            f"--tcp_port_secure={self.tls_port}",
            # Of clients it wants no certificate.
            "--openSSL.server.verificationMode=none",
            *(f"--openSSL.server.{name}={file}" for name, file in settings.items()),
        ]

    def stop(self) -> None:
        """End the server in good order, at most 20 s, and then by force."""
        self._end(Signals.SIGTERM)

    def kill(self) -> None:
        """End the server as a power cut would: SIGKILL, nothing flushed."""
        self._end(Signals.SIGKILL)

    def freeze(self) -> None:
        """Let the server stand still: SIGSTOP. It still accepts connections, and never answers."""
        if self._child is not None:
            self._child.send(Signals.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        if self._child is not None:
            self._child.send(Signals.SIGCONT)

    def restart(self) -> None:
        """Stop and start on the same ports and data."""
        self.stop()
        self.start()

    def _end(self, number: Signals) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.stop(_STOP_SECONDS, number)

    def _wait_until_it_answers(self, child: Child) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if child.exit_code is not None:
                raise Unavailable(
                    f"clickhouse-server ended with code {child.exit_code} while starting",
                    f"its last words: {child.tail(1).strip() or 'none'}",
                )
            if _says_ok(self.http_port):
                return
            time.sleep(0.02)
        raise Unavailable(
            f"clickhouse-server did not answer within {_START_SECONDS:.0f} s",
            f"its log is {self.log}",
        )


def _says_ok(port: int) -> bool:
    """Whether the HTTP port answers a ping; it opens after the data has been loaded."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(b"GET /ping HTTP/1.0\r\n\r\n")
            return b"200" in connection.recv(64)
    except OSError:
        return False
