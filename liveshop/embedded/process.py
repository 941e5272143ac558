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
from typing import Self

from liveshop.embedded import die_with_parent


def free_port() -> int:
    """A TCP port on 127.0.0.1 that was free a moment ago."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """As many different ones; they are held together while they are chosen."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


class Child:
    """One child process, in a session of its own so that a Ctrl-C reaches only us.

    Args:
        name: for messages.
        command: program and arguments.
        log: file that takes its output; appended to.
        env: added to our environment.
        cwd: where it runs; here by default.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.log = log
        guard = [sys.executable, "-I", "-S", die_with_parent.__file__, str(os.getpid())]
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own commands, no shell
                [*guard, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd,
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
            # A stopped process (SIGSTOP in chaos tests) would not notice the first one.
            for last_word in (number, Signals.SIGCONT):
                self.send(last_word)
            try:
                self._process.wait(grace_s)
            except subprocess.TimeoutExpired:
                self.send(Signals.SIGKILL)
        return self._process.wait()

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
