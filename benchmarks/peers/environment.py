"""An environment for each peer, apart from the project's own: their dependencies do not agree.

Python peers have a lock file with hashes under ``programs/requirements``, and a virtual environment
under ``.cache/benchmarks/peers``; the one in Java is built there by Maven. Both are made once, and
anew when the lock file or the source changes.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks.peers.catalogue import LIVESHOP, Peer
from liveshop.console import note
from schemas.errors import LiveshopError

_HERE: Final = Path(__file__).resolve().parent
_CHECKOUT: Final = _HERE.parents[1]
_CACHE: Final = _CHECKOUT / ".cache" / "benchmarks" / "peers"
_JAVA: Final = _HERE / "kafka_streams"
_MOST_S: Final = 600
#: A heap that never fills, and otherwise Java's own choice.
_JVM: Final = ("-Xms512m", "-Xmx2g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")


class PeerFailed(LiveshopError):
    """A peer cannot be had here, or did not come to an end; the others go on."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """How to start a peer.

    Attributes:
        command: program and arguments.
        env: added to the environment.
        version: of its library.
    """

    command: Sequence[str]
    env: Mapping[str, str]
    version: str


def prepare(peer: Peer) -> Prepared:
    """Make what a peer needs, if it is not there yet; a minute or two for all of them.

    Raises:
        PeerFailed: it cannot be had here.
    """
    if not peer.module:
        return _prepare_java(peer)
    if peer.lock:
        lock = _HERE / "programs" / "requirements" / f"{peer.lock}.txt"
        python = str(_environment(peer.lock, lock) / "bin" / "python")
        found = _pinned(lock.read_text(), peer.package)
    else:
        python, found = sys.executable, version(peer.package)
        if peer is LIVESHOP:  # as installing it does, so that sources just changed are compiled too
            _run([python, "-c", "from agents.compiled import compile_all; compile_all()"])
    # A module of the checkout, also where the checkout is not installed.
    return Prepared([python, "-m", peer.module], {"PYTHONPATH": str(_CHECKOUT)}, found)


def _environment(name: str, lock: Path) -> Path:
    place = _CACHE / f"{name}-{_digest([lock])}"
    if (place / "ready").exists():
        return place
    note(f"setting up {name}")
    _run([_uv(), "venv", "--quiet", "--clear", "--python", sys.executable, str(place)])
    python = str(place / "bin" / "python")
    _run([_uv(), "pip", "sync", "--quiet", "--require-hashes", "--python", python, str(lock)])
    (place / "ready").touch()
    return place


def _prepare_java(peer: Peer) -> Prepared:
    sources = sorted([_JAVA / "pom.xml", *_JAVA.rglob("*.java")])
    place = _CACHE / f"{peer.name}-{_digest(sources)}"
    java = _tool("java")
    if not (place / "ready").exists():
        note(f"building {peer.name}")
        _run(
            [
                *(_tool("mvn"), "--batch-mode", "--quiet", f"--file={_JAVA}"),
                *(f"-Dpeers.build={place}", "package"),
            ]
        )
        (place / "ready").touch()
    classes = f"{place}/peers-kafka-streams.jar:{place}/libs/*"
    found = re.search("<kafka.version>(.*)</kafka.version>", (_JAVA / "pom.xml").read_text())
    return Prepared(
        [java, *_JVM, "-cp", classes, "liveshop.peers.Main"], {}, found[1] if found else "-"
    )


def _pinned(lock: str, package: str) -> str:
    found = re.search(rf"^{re.escape(package)}==(\S+)", lock, re.MULTILINE)
    return found[1] if found else "-"


def _digest(files: Sequence[Path]) -> str:
    """Changes with any of the files, and with the Python that they are for."""
    digest = sha256(sys.version.encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else _tool("uv")


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise PeerFailed(f"There is no {name} on this machine")
    return found


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - our own commands, no shell
            command, capture_output=True, text=True, check=False, timeout=_MOST_S
        )
    except subprocess.TimeoutExpired:
        raise PeerFailed(
            f"Setting up took more than {_MOST_S} s ({Path(command[0]).name})"
        ) from None
    if done.returncode:
        words = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise PeerFailed(
            f"Setting up failed ({Path(command[0]).name}): {' '.join(words[:2])[:300]}"
        )
