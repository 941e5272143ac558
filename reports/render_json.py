"""The report as JSON: the model as it is, for programs."""

from __future__ import annotations

import msgspec

from reports.model import Report


def render_json(report: Report) -> bytes:
    """Indented JSON with the fields in the order of the model. Money is in minor units."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"
