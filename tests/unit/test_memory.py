"""Keeping freed memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
from agents.memory import keep_freed_memory

if sys.argv[1] == "keep":
    assert keep_freed_memory()

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def use():
    pieces = [np.ones(500_000 + 100_000 * i) for i in range(5)]
    pieces.reverse()

use()
before = faults()
for _ in range(20):
    use()
print(faults() - before)
"""


def page_faults(how: str) -> int:
    command = [sys.executable, "-c", PROGRAM, how]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc is told")
def test_freed_pieces_are_used_again() -> None:
    assert page_faults("keep") < page_faults("leave") / 5


def test_the_driver_makes_no_table_of_all_days() -> None:
    program = (
        "import agents\n"
        "from clickhouse_driver.columns.datecolumn import DateColumn\n"
        "assert not DateColumn.date_lut, len(DateColumn.date_lut)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
