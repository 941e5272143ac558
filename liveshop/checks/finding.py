"""What a check says."""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["ok", "warning", "failure"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at.

    Attributes:
        what: its name.
        state: a failure keeps a worker from working; a warning does not.
        found: how it is.
        advice: what to do about it; empty where nothing is to be done.
    """

    what: str
    state: State
    found: str
    advice: str = ""
