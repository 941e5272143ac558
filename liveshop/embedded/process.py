"""Child processes that end when we do.

Start them from a thread that stays: the kernel ends them with the thread that started them.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from signal import Signals
from types import TracebackType
from typing import IO, Self

from liveshop.embedded import die_with_parent


def free_port() -> int:
    """A TCP port on 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Child:
    """One child process, in a session of its own so that a Ctrl-C reaches only us.

    Args:
        name: for messages.
        command: program and arguments.
        log: file that takes its output; appended to.
        env: added to our environment.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._output: IO[bytes] = log.open("ab")
        guard = [sys.executable, "-I", "-S", die_with_parent.__file__, str(os.getpid())]
        self._process = subprocess.Popen(  # noqa: S603 - our own commands, no shell
            [*guard, *command],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """``None`` while it runs."""
        return self._process.poll()

    def send(self, number: Signals) -> None:
        """Send a signal, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def stop(self, grace_s: float = 10.0, number: Signals = Signals.SIGTERM) -> int:
        """Ask it to end, insist after ``grace_s``; returns the exit code."""
        if self._process.poll() is None:
            self.send(number)
            try:
                self._process.wait(grace_s)
            except subprocess.TimeoutExpired:
                self.send(Signals.SIGKILL)
        code = self._process.wait()
        self._output.close()
        return code

    def tail(self, lines: int = 15) -> str:
        """The last lines it wrote."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
