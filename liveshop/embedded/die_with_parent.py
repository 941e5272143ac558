"""Run a program that does not outlive the process that wanted it.

``python -I -S die_with_parent.py PARENT_PID PROGRAM ARGUMENT…`` asks the kernel for a SIGKILL when
the parent dies, however it dies, and becomes the program. Linux only; elsewhere it just becomes
the program.

A file of its own instead of a ``preexec_fn``: Python code between fork and exec can hang in a
process with threads, and chDB must never be forked.

The kernel watches the *thread* that started this one: start it from a thread that stays.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Tie this process to its parent and replace it by ``command``; does not return."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the kernel knew
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 (the command is our own)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
