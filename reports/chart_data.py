"""What the charts of the HTML report are drawn from, as JSON that is safe inside a page."""

from __future__ import annotations

import msgspec

from reports.model import Report
from schemas.money import MINOR_DIGITS


def chart_json(report: Report) -> str:
    """The curves column by column.

    ``<``, ``>`` and ``&`` are written as escapes, so that no title can close the script element
    that holds the JSON.
    """
    sales = report.headline.minutes
    minutes = report.minutes
    data = {
        "currency": report.header.currency,
        "digits": MINOR_DIGITS.get(report.header.currency, 0),
        "minute_ms": [minute.minute_ms for minute in minutes],
        "gmv": [minute.gmv_minor for minute in sales],
        "orders": [minute.orders for minute in sales],
        "cash": [minute.refund_minor for minute in sales],
        "cohort": [minute.cohort_refund_minor for minute in sales],
        "online": [minute.online for minute in minutes],
        "clicks": [minute.clicks for minute in minutes],
        "chats": [minute.chats for minute in minutes],
        "likes": [minute.likes for minute in minutes],
        "markers": [
            {
                "kind": marker.kind,
                "start": marker.start_ms,
                "end": marker.end_ms,
                "label": marker.label,
            }
            for marker in report.markers
        ],
    }
    text = msgspec.json.encode(data).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
