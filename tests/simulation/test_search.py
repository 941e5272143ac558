"""``make simulate`` as a command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_search_in_a_pipe_says_what_it_did_and_nothing_else() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "search", "--examples", "20", "--jobs", "2"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    first, *_, last = done.stdout.splitlines()
    assert first.startswith("| killed while it asked to |")
    assert last.startswith("20 examples in ")
    assert last.endswith("seeds 1 to 1): every one ended with the rows of a run without deaths")
