"""How values are written for people. The numbers themselves are in the model."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from typing import Final

from reports.contract import Measure, Value, ratio, round_half_up
from schemas.money import MINOR_DIGITS, format_minor

#: What stands where there is nothing to divide by, or nothing is known.
NOTHING: Final = "\N{EN DASH}"
# Not strftime: its names follow the locale.
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_MINUS: Final = "\N{MINUS SIGN}"


def count(value: int | None) -> str:
    """``12345`` → ``12,345``."""
    return NOTHING if value is None else _minus(f"{value:,}")


def counted(value: int, noun: str) -> str:
    """``1 order``, ``2 orders``."""
    return f"{count(value)} {noun}" + ("" if value == 1 else "s")


def money(amount_minor: int | None, currency: str) -> str:
    """An amount without its code: ``129900`` → ``1,299.00``."""
    if amount_minor is None:
        return NOTHING
    if currency not in MINOR_DIGITS:
        return _minus(f"{amount_minor:,}") + " minor units"
    return _minus(format_minor(amount_minor, currency))


def percent(numerator: int, denominator: int) -> str:
    """A share with two decimals, rounded from the exact ratio: ``(1, 8)`` → ``12.50%``."""
    exact = ratio(numerator, denominator)
    return NOTHING if exact is None else _fixed(exact * 100) + "%"


def duration(milliseconds: int | None) -> str:
    """``3723000`` → ``1 h 02 min``; ``95000`` → ``1 min 35 s``; ``8400`` → ``8 s``.

    Seconds that are 0 are left out after minutes.
    """
    if milliseconds is None:
        return NOTHING
    seconds = milliseconds // 1000
    if seconds >= 3600:
        return f"{seconds // 3600:,} h {seconds % 3600 // 60:02} min"
    if seconds >= 60:
        return f"{seconds // 60} min" + (f" {seconds % 60:02} s" if seconds % 60 else "")
    return f"{seconds} s"


def moment(epoch_ms: int | None) -> str:
    """``Sat 14 Nov 2026, 19:00:05 UTC``, the same in every locale."""
    if epoch_ms is None:
        return NOTHING
    at = _utc(epoch_ms)
    return f"{_DAYS[at.weekday()]} {day(epoch_ms)}, {at:%H:%M:%S} UTC"


def between(start_ms: int, end_ms: int | None) -> str:
    """The day and the minutes of a show; the day is repeated where it ends on another one."""
    start = moment(start_ms).rsplit(":", 1)[0]
    if end_ms is None:
        return f"{start} UTC"
    end = moment(end_ms).rsplit(":", 1)[0]
    if start.split(",")[0] == end.split(",")[0]:
        end = minute(end_ms)
    return f"{start} {NOTHING} {end} UTC"


def day(epoch_ms: int | None) -> str:
    """``14 Nov 2026``."""
    if epoch_ms is None:
        return NOTHING
    at = _utc(epoch_ms)
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def clock(epoch_ms: int | None) -> str:
    """``19:00:05``."""
    return NOTHING if epoch_ms is None else f"{_utc(epoch_ms):%H:%M:%S}"


def minute(epoch_ms: int) -> str:
    """``19:00``."""
    return f"{_utc(epoch_ms):%H:%M}"


def iso(epoch_ms: int) -> str:
    """``2026-11-14T19:00:05.000Z``, for machines."""
    return _utc(epoch_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def measure(value: Measure, currency: str = "") -> str:
    """A metric in its unit, rounded from the exact value."""
    exact = value.exact
    if exact is None:
        return NOTHING
    if value.unit == "money":
        return money(round_half_up(exact), currency)
    if value.unit == "percent":
        return _fixed(exact * 100) + "%"
    if value.unit == "average":
        return _fixed(exact)
    if value.unit == "duration":
        return duration(round_half_up(exact))
    return count(round_half_up(exact))


def decimal(value: Value, unit: str, currency: str) -> str:
    """A value as a plain decimal for a spreadsheet: money in major units, and ``""`` for none."""
    if value is None:
        return ""
    digits = MINOR_DIGITS.get(currency, 0) if unit == "money" else 0
    if not digits or not isinstance(value, int):
        return str(value)
    whole, part = divmod(abs(value), 10**digits)
    return f"{'-' if value < 0 else ''}{whole}.{part:0{digits}}"


def _fixed(value: Fraction) -> str:
    hundredths = round_half_up(value * 100)
    whole, part = divmod(abs(hundredths), 100)
    return f"{_MINUS if hundredths < 0 else ''}{whole:,}.{part:02}"


def _minus(text: str) -> str:
    return text.replace("-", _MINUS, 1)


def _utc(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)
