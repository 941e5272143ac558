"""Worker processes, started again when they end unasked."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from liveshop.embedded.process import Child
from schemas.errors import Unavailable

_START_S = 60.0
_POLL_S = 0.1
_MOST_RESTARTS = 5
_ANSWER_S = 2.0


class WorkerProcess:
    """One ``liveshop worker`` with its live page.

    Args:
        name: for its log file and messages.
        directory: for its log.
        port: of its live page.
        env: its ``LIVESHOP_*`` settings.
    """

    def __init__(self, name: str, directory: Path, port: int, env: Mapping[str, str]) -> None:
        self.name = name
        self.port = port
        self.restarts = 0
        self._directory = directory
        self._env = dict(env)
        self.child = self._start()

    def _start(self) -> Child:
        # -P: a folder of the user's that is called `reports` is not ours.
        command = [sys.executable, "-P", "-m", "liveshop", "worker", "--port", str(self.port)]
        log = self._directory / f"{self.name}.log"
        return Child(self.name, command, log=log, env=self._env)

    def check(self) -> None:
        """Start it again if it ended by itself.

        Raises:
            Unavailable: it keeps ending.
        """
        code = self.child.exit_code
        if code is None:
            return
        if self.restarts >= _MOST_RESTARTS:
            raise self._gave_up(f"The {self.name} ended again and again (exit code {code})")
        self.restarts += 1
        self.child = self._start()

    async def ready(self) -> None:
        """Wait until it folds partitions.

        Raises:
            Unavailable: it ended, or takes too long.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _START_S
        while loop.time() < deadline:
            if self.child.exit_code is not None:
                raise self._gave_up(f"The {self.name} did not start")
            if await self.partitions():
                return
            await asyncio.sleep(_POLL_S)
        raise Unavailable(
            f"The {self.name} has no partitions after {_START_S:.0f} s.",
            f"Its log is {self.child.log}.",
        )

    async def partitions(self) -> int:
        """How many partitions it folds now."""
        return len(await self.held() or ())

    async def held(self) -> tuple[str, ...] | None:
        """The partitions that it folds now, as "topic/number"; ``None`` where it does not answer."""
        health = await self.ask("/healthz")
        details: dict[str, Any] = health.get("details", {})
        return tuple(details["partitions"]) if "partitions" in details else None

    async def ask(self, path: str) -> dict[str, Any]:
        """What its server answers, as JSON; empty where there is no answer within 2 s."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, self._ask, path)

    def _ask(self, path: str) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.port}{path}"
        token = self._env.get("LIVESHOP_HTTP_TOKEN")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(url, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_S) as answer:  # noqa: S310
                found: dict[str, Any] = json.load(answer)
        except (OSError, ValueError):
            return {}
        return found

    def _gave_up(self, what: str) -> Unavailable:
        """Its own last words, if it had any; they say what is wrong and what to do."""
        sentence, hint = last_words(self.child.tail())
        if not sentence:
            end = self.child.tail(1).strip()
            return Unavailable(
                f"{what}.",
                f"Its log is {self.child.log}" + (f"; it ends with: {end}" if end else ""),
            )
        return Unavailable(f"{what}: {sentence}", hint or f"Its log is {self.child.log}.")

    def kill(self) -> None:
        """End it as a crash would."""
        self.child.send(signal.SIGKILL)

    def stop(self, grace_s: float = 60.0) -> int:
        """Let it flush and leave, for the show is over; returns its exit code."""
        return self.child.stop(grace_s, number=signal.SIGINT)


def last_words(log: str) -> tuple[str, str]:
    """The sentence and the hint that a command of ours ended with; empty where it had none."""
    sentence = hint = ""
    for line in log.splitlines():
        if line.startswith("liveshop: "):
            sentence, hint = line.removeprefix("liveshop: "), ""
        elif line.startswith("  hint: "):
            hint = line.removeprefix("  hint: ")
    return sentence, hint
