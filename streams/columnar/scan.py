"""The scanner: where the fields of each record stand, and what its numbers are.

It takes for granted what the producers write: one JSON object, known fields, each once, in any
order, strings without escapes where they are ids. It checks everything that the strict decoder
checks, and whatever it does not take for granted it leaves alone: such a record is *odd*, and the
strict decoder has the say. So it may be narrow, but never generous.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from schemas.events import (
    EARLIEST_EVENT_MS,
    LATEST_EVENT_MS,
    MAX_AMOUNT_MINOR,
    OrderLine,
    RefundLine,
)
from schemas.money import MINOR_DIGITS
from streams.columnar.native import (
    compiled,
    load8,
    load64,
    mix,
    quotes,
    strange,
    trailing_zeros,
    xxh64,
)
from streams.columnar.words import (
    _CLASSES,
    NAMES,
    TYPES,
    field_bit,
    fields_of,
    kind_of,
    name_code,
    word_code,
)

# --- the fields of a scanned record, as columns of an int64 matrix ---------------------------
# A text is ``at << 16 | size``: where its bytes stand in the batch's data.

KIND: Final = 0  #: 0 for a record that is odd, -1 for one that is dead.
TIME: Final = 1
ID_HASH: Final = (
    2  #: of what makes it a duplicate: the event's id, or the kind and id of a purchase.
)
ROOM: Final = 3
USER: Final = 4
PRODUCT: Final = 5
NUMBER: Final = 6  #: watch_ms, count, quantity, paid_minor or amount_minor.
SOURCE: Final = 7  #: code of the source or the promo.
MODE: Final = 8  #: code of the mode or the attribution.
KOL: Final = 9
CURRENCY: Final = 10
ORDER: Final = 11
REFUND: Final = 12
DISCOUNT: Final = 13
LINES_FROM: Final = 14
LINES: Final = 15
WIDTH: Final = 16

# --- the lines of orders and refunds -------------------------------------------------------
LINE_PRODUCT: Final = 0
LINE_SKU: Final = 1
LINE_QUANTITY: Final = 2
LINE_AMOUNT: Final = 3
LINE_HASH: Final = 4  #: of the product; the fold fills it in.
LINE_WIDTH: Final = 5

_REQUIRED = np.array([0] + [fields_of(cls) for cls in _CLASSES], dtype=np.int64)
_ORDER_LINE = fields_of(OrderLine)
_REFUND_LINE = fields_of(RefundLine)
_MAX_LINES = 100
#: Three upper-case letters → whether they are a currency.
_CURRENCIES = np.zeros(26**3, dtype=np.bool_)
for _currency in MINOR_DIGITS:
    _a, _b, _c = (ord(letter) - 65 for letter in _currency)
    _CURRENCIES[_a * 676 + _b * 26 + _c] = True

_ORDER_PAID = kind_of("order_paid")
_ORDER_CANCELLED = kind_of("order_cancelled")
_ORDER_REFUNDED = kind_of("order_refunded")
_LEFT = kind_of("viewer_left")
_CART = kind_of("cart_added")
_LIKES = kind_of("likes_sent")

_FIRST_TYPE = 64
_FIRST_NAME = 128
_TYPES_END = _FIRST_TYPE + len(TYPES)
_SOURCES = (_FIRST_NAME + name_code("feed"), _FIRST_NAME + name_code("qr"))
_MODES = (_FIRST_NAME + name_code("live"), _FIRST_NAME + name_code("replay"))
_ATTRIBUTIONS = (_FIRST_NAME + name_code("in_room"), _FIRST_NAME + name_code("click_14d"))
_PROMO_AT = np.zeros(_FIRST_NAME + len(NAMES), dtype=np.bool_)
for _promo in ("none", "flash", "coupon", "group_buy", "share", "points"):
    _PROMO_AT[_FIRST_NAME + name_code(_promo)] = True

_F_TYPE, _F_V, _F_EVENT_ID, _F_ROOM, _F_TIME, _F_USER = (
    field_bit(name).bit_length() - 1
    for name in ("type", "v", "event_id", "room_id", "occurred_at_ms", "user_id")
)
_F_SOURCE, _F_MODE, _F_WATCH, _F_PRODUCT, _F_QUANTITY, _F_TEXT, _F_COUNT = (
    field_bit(name).bit_length() - 1
    for name in ("source", "mode", "watch_ms", "product_id", "quantity", "text", "count")
)
_F_ORDER, _F_KOL, _F_CURRENCY, _F_PROMO, _F_ATTRIBUTION, _F_PAID, _F_DISCOUNT = (
    field_bit(name).bit_length() - 1
    for name in (
        "order_id",
        "kol_id",
        "currency",
        "promo",
        "attribution",
        "paid_minor",
        "discount_minor",
    )
)
_F_LINES, _F_SKU, _F_AMOUNT, _F_REFUND = (
    field_bit(name).bit_length() - 1 for name in ("lines", "sku_id", "amount_minor", "refund_id")
)

_ONES = np.uint64(0x0101010101010101)
_HIGHS = np.uint64(0x8080808080808080)
_QUOTES = np.uint64(0x2222222222222222)
_ZERO = np.uint64(0)


@compiled
def _zeros(word):
    """The high bit of each byte that is zero; exact up to and including the lowest such byte."""
    return (word - _ONES) & ~word & _HIGHS


@compiled
def _string_end(data, i, end, most):
    """Where the string that begins at ``i`` has its closing quote; -1 where it is odd.

    Odd is a control character, an escape, bytes that are not UTF-8, and more than ``most``
    characters.
    """
    begin = i
    while True:
        closing, odd = quotes(data, i), strange(data, i)
        if closing | odd:
            stop = trailing_zeros(closing)
            if trailing_zeros(odd) < stop:
                return _long_string_end(data, begin, end, most)
            i += stop
            if i >= end or i - begin > most:
                return -1
            return i
        i += 32
        if i >= end:
            return -1


@compiled
def _long_string_end(data, i, end, most):
    """As :func:`_string_end`, byte by byte, with UTF-8 checked."""
    characters = 0
    while i < end:
        byte = np.int64(load8(data, i))
        if byte == 0x22:
            return i if characters <= most else -1
        if byte < 0x20 or byte == 0x5C:
            return -1
        if byte < 0x80:
            size = 1
        elif byte < 0xC2:
            return -1
        elif byte < 0xE0:
            size = 2
        elif byte < 0xF0:
            size = 3
        elif byte < 0xF5:
            size = 4
        else:
            return -1
        if size > 1:
            second = np.int64(load8(data, i + 1))
            lowest = 0xA0 if byte == 0xE0 else (0x90 if byte == 0xF0 else 0x80)
            highest = 0x9F if byte == 0xED else (0x8F if byte == 0xF4 else 0xBF)
            if second < lowest or second > highest:
                return -1
            for k in range(2, size):
                if (np.int64(load8(data, i + k)) & 0xC0) != 0x80:
                    return -1
        i += size
        characters += 1
    return -1


@compiled
def _text_end(data, i, end, most):
    """As :func:`_string_end`, for a string whose content is not kept: short escapes may be."""
    characters = 0
    while i < end:
        stop = _string_end(data, i, end, most - characters)
        if stop >= 0:
            return stop
        # Walk to the escape, count it as one character, and go on behind it.
        j = i
        while j < end and load8(data, j) != 0x5C:
            if load8(data, j) < 0x20 or load8(data, j) == 0x22:
                return -1
            j += 1
        escaped = np.int64(load8(data, j + 1))
        if j + 1 >= end or not (
            escaped == 0x22 or escaped == 0x5C or escaped == 0x2F or escaped == 0x62
            or escaped == 0x66 or escaped == 0x6E or escaped == 0x72 or escaped == 0x74
        ):  # fmt: skip
            return -1
        # What stands before it is checked as a string that ends there.
        counted = _checked_run(data, i, j)
        if counted < 0:
            return -1
        characters += counted + 1
        if characters > most:
            return -1
        i = j + 2
    return -1


@compiled
def _checked_run(data, i, end):
    """Characters of a run without quotes and escapes; -1 where it is not UTF-8."""
    characters = 0
    while i < end:
        byte = np.int64(load8(data, i))
        if byte < 0x80:
            size = 1
        elif byte < 0xC2:
            return -1
        elif byte < 0xE0:
            size = 2
        elif byte < 0xF0:
            size = 3
        elif byte < 0xF5:
            size = 4
        else:
            return -1
        if size > 1:
            second = np.int64(load8(data, i + 1))
            lowest = 0xA0 if byte == 0xE0 else (0x90 if byte == 0xF0 else 0x80)
            highest = 0x9F if byte == 0xED else (0x8F if byte == 0xF4 else 0xBF)
            if second < lowest or second > highest or i + size > end:
                return -1
            for k in range(2, size):
                if (np.int64(load8(data, i + k)) & 0xC0) != 0x80:
                    return -1
        i += size
        characters += 1
    return characters


@compiled
def _up_to(highs):
    """A mask of the bytes up to the lowest one whose high bit is set, and of that one."""
    return highs ^ (highs - np.uint64(1))


@compiled
def _word_end(data, i, end):
    """``(code, end)`` of the known word that begins at ``i``; a code of -1 where it is unknown."""
    first = load64(data, i)
    quote = _zeros(first ^ _QUOTES)
    if quote:
        stop = i + (trailing_zeros(quote) >> 3)
        if stop >= end:
            return -1, end
        return word_code(first & _up_to(quote), _ZERO), stop
    second = load64(data, i + 8)
    quote = _zeros(second ^ _QUOTES)
    if quote:
        stop = i + 8 + (trailing_zeros(quote) >> 3)
        if stop >= end:
            return -1, end
        return word_code(first, second & _up_to(quote)), stop
    if load8(data, i + 16) == 0x22 and i + 16 < end:
        return word_code(first, second), i + 16
    return -1, end


@compiled
def _integer(data, i, end):
    """``(value, end)`` of a JSON integer that is not negative; -1 where it is anything else."""
    begin = i
    value = np.int64(0)
    while True:
        digit = np.int64(load8(data, i)) - 48
        if digit < 0 or digit > 9:
            break
        value = value * 10 + digit
        i += 1
    size = i - begin
    if size == 0 or size > 18 or (size > 1 and load8(data, begin) == 48):
        return np.int64(-1), end
    return value, i


@compiled
def _blank(data, i):
    """The next byte that is no blank."""
    while load8(data, i) == 0x20:
        i += 1
    return i


@compiled
def _id(data, i, end):
    """``(text, next)`` of the string that begins at ``i``; -1 where it is no id."""
    stop = _string_end(data, i, end, 64)
    if stop <= i:
        return np.int64(-1), end
    return (i << 16) | (stop - i), stop + 1


@compiled
def event_hash(data, text):
    """What stands for an event id in the dedup memory; ``streams.dedup.event_hash`` is the same."""
    h = xxh64(data, text >> 16, text & 0xFFFF)
    return h | np.uint64(h == _ZERO)


@compiled
def entry_hash(data, kind, text):
    """A hash of what makes two purchase events the same."""
    return mix(np.uint64(kind), xxh64(data, text >> 16, text & 0xFFFF))


@compiled
def identity(field, kind):
    """The text of what makes two purchase events the same, besides their kind."""
    return field[REFUND] if kind == _ORDER_REFUNDED else field[ORDER]


@compiled
def _field(data, i, end):
    """``(field, where its value begins)`` for the key behind a quote; a field of -1: odd."""
    code, stop = _word_end(data, i, end)
    if code < 0 or code >= _FIRST_TYPE:
        return np.int64(-1), i
    i = _blank(data, stop + 1)
    if load8(data, i) != 0x3A:
        return np.int64(-1), i
    return np.int64(code), _blank(data, i + 1)


@compiled
def _scan_lines(data, i, end, lines, n):
    """``(next, fields, n, sum)`` of the array of lines behind ``[``; a ``next`` of -1: odd."""
    form = np.int64(-1)
    total = np.int64(0)
    begin = n
    bad = np.int64(-1)
    while True:
        i = _blank(data, i)
        if load8(data, i) != 0x7B:
            return bad, form, n, total
        i += 1
        seen = np.int64(0)
        while True:
            i = _blank(data, i)
            if load8(data, i) != 0x22:
                return bad, form, n, total
            code, i = _field(data, i + 1, end)
            if code < 0 or (seen >> code) & 1:
                return bad, form, n, total
            seen |= np.int64(1) << code
            if code in (_F_PRODUCT, _F_SKU):
                if load8(data, i) != 0x22:
                    return bad, form, n, total
                text, i = _id(data, i + 1, end)
                if text < 0:
                    return bad, form, n, total
                lines[n, LINE_PRODUCT if code == _F_PRODUCT else LINE_SKU] = text
            elif code in (_F_QUANTITY, _F_PAID, _F_AMOUNT):
                value, i = _integer(data, i, end)
                if value < 0:
                    return bad, form, n, total
                lines[n, LINE_QUANTITY if code == _F_QUANTITY else LINE_AMOUNT] = value
            else:
                return bad, form, n, total
            i = _blank(data, i)
            byte = load8(data, i)
            i += 1
            if byte == 0x7D:
                break
            if byte != 0x2C:
                return bad, form, n, total
        if i > end or (form >= 0 and seen != form):
            return bad, form, n, total
        form = seen
        quantity, amount = lines[n, LINE_QUANTITY], lines[n, LINE_AMOUNT]
        if quantity > 1_000_000 or amount > MAX_AMOUNT_MINOR:
            return bad, form, n, total
        if (form == _ORDER_LINE and quantity == 0) or (form == _REFUND_LINE and amount == 0):
            return bad, form, n, total
        total += amount
        n += 1
        if n - begin > _MAX_LINES:
            return bad, form, n, total
        i = _blank(data, i)
        byte = load8(data, i)
        i += 1
        if byte == 0x5D:
            return i, form, n, total
        if byte != 0x2C:
            return bad, form, n, total


@compiled
def _scan_record(data, i, end, field, lines, n_lines):
    """Scan one record into ``field``; the new number of lines, or -1 where it is odd."""
    if load8(data, i) != 0x7B:
        return -1
    i += 1
    seen = np.int64(0)
    kind = np.int64(0)
    number = np.int64(0)
    line_form = np.int64(0)
    line_sum = np.int64(0)
    event_id = np.int64(0)
    n = n_lines
    while True:
        i = _blank(data, i)
        if load8(data, i) != 0x22:
            return -1
        code, i = _field(data, i + 1, end)
        if code < 0 or (seen >> code) & 1:
            return -1
        seen |= np.int64(1) << code
        byte = load8(data, i)
        if byte == 0x22:
            i += 1
            if code in (_F_TYPE, _F_SOURCE, _F_MODE, _F_PROMO, _F_ATTRIBUTION):
                value, stop = _word_end(data, i, end)
                if code == _F_TYPE:
                    if value < _FIRST_TYPE or value >= _TYPES_END:
                        return -1
                    kind = value - _FIRST_TYPE + 1
                elif code == _F_SOURCE:
                    if value < _SOURCES[0] or value > _SOURCES[1]:
                        return -1
                    field[SOURCE] = value - _FIRST_NAME
                elif code == _F_MODE:
                    if value < _MODES[0] or value > _MODES[1]:
                        return -1
                    field[MODE] = value - _FIRST_NAME
                elif code == _F_PROMO:
                    if value < 0 or not _PROMO_AT[value]:
                        return -1
                    field[SOURCE] = value - _FIRST_NAME
                else:
                    if value < _ATTRIBUTIONS[0] or value > _ATTRIBUTIONS[1]:
                        return -1
                    field[MODE] = value - _FIRST_NAME
                i = stop + 1
            elif code == _F_TEXT:
                stop = _text_end(data, i, end, 2_000)
                if stop < 0:
                    return -1
                i = stop + 1
            else:
                text, i = _id(data, i, end)
                if text < 0:
                    return -1
                if code == _F_EVENT_ID:
                    event_id = text
                elif code == _F_ROOM:
                    field[ROOM] = text
                elif code == _F_USER:
                    field[USER] = text
                elif code == _F_PRODUCT:
                    field[PRODUCT] = text
                elif code == _F_KOL:
                    field[KOL] = text
                elif code == _F_ORDER:
                    field[ORDER] = text
                elif code == _F_REFUND:
                    field[REFUND] = text
                elif code == _F_CURRENCY:
                    if text & 0xFFFF != 3:
                        return -1
                    at = text >> 16
                    a = np.int64(load8(data, at)) - 65
                    b = np.int64(load8(data, at + 1)) - 65
                    c = np.int64(load8(data, at + 2)) - 65
                    if a < 0 or b < 0 or c < 0 or a > 25 or b > 25 or c > 25:
                        return -1
                    if not _CURRENCIES[a * 676 + b * 26 + c]:
                        return -1
                    field[CURRENCY] = text
                else:
                    return -1
        elif byte == 0x5B:
            if code != _F_LINES:
                return -1
            i, line_form, n, line_sum = _scan_lines(data, i + 1, end, lines, n)
            if i < 0:
                return -1
        else:
            value, i = _integer(data, i, end)
            if value < 0:
                return -1
            if code == _F_TIME:
                if value < EARLIEST_EVENT_MS or value >= LATEST_EVENT_MS:
                    return -1
                field[TIME] = value
            elif code == _F_V:
                if value != 1:
                    return -1
            elif code == _F_DISCOUNT:
                if value > MAX_AMOUNT_MINOR:
                    return -1
                field[DISCOUNT] = value
            elif code in (_F_WATCH, _F_COUNT, _F_QUANTITY, _F_PAID, _F_AMOUNT):
                number = value
            else:
                return -1
        i = _blank(data, i)
        byte = load8(data, i)
        i += 1
        if byte == 0x7D:
            break
        if byte != 0x2C:
            return -1
    if i != end or kind == 0 or seen != _REQUIRED[kind]:
        return -1
    if kind == _LEFT:
        if number > 604_800_000:
            return -1
    elif kind == _CART:
        if number == 0 or number > 1_000_000:
            return -1
    elif kind == _LIKES:
        if number == 0 or number > 100_000:
            return -1
    elif kind == _ORDER_PAID:
        if line_form != _ORDER_LINE or line_sum != number or number > MAX_AMOUNT_MINOR:
            return -1
    elif kind == _ORDER_REFUNDED:
        if line_form != _REFUND_LINE or line_sum != number or number > MAX_AMOUNT_MINOR:
            return -1
    elif kind == _ORDER_CANCELLED and number > MAX_AMOUNT_MINOR:
        return -1
    if kind in (_ORDER_PAID, _ORDER_CANCELLED, _ORDER_REFUNDED):
        field[ID_HASH] = np.int64(entry_hash(data, kind, identity(field, kind)))
    else:
        field[ID_HASH] = np.int64(event_hash(data, event_id))
    field[KIND] = kind
    field[NUMBER] = number
    field[LINES_FROM] = n_lines
    field[LINES] = n - n_lines
    return n


@compiled
def scan(data, value_at, value_size, kinds, fields, lines):
    """Scan the records of a batch.

    Args:
        data: ``uint8``, with :data:`~streams.batch.PADDING` zeros behind the records.
        value_at: ``int64``, where each value begins.
        value_size: ``int64``, its bytes; -1 for a tombstone.
        kinds: the set of kinds that the topic carries, a bit each.
        fields: ``int64[n, WIDTH]``, filled in; ``KIND`` 0 marks a record that is odd.
        lines: ``int64[m, LINE_WIDTH]``, filled in; see :func:`line_bound`.

    Returns:
        The number of lines.
    """
    n_lines = 0
    for i in range(len(value_at)):
        fields[i, KIND] = 0
        at = value_at[i]
        size = value_size[i]
        if size > 0:
            n = _scan_record(data, at, at + size, fields[i], lines, n_lines)
            if n >= 0 and (kinds >> fields[i, KIND]) & 1:
                n_lines = n
            else:
                fields[i, KIND] = 0
    return n_lines


def line_bound(size: int) -> int:
    """More lines than can stand in this many bytes, and the one that is being written."""
    return size // len('{"sku_id":"a","product_id":"b","quantity":1}') + _MAX_LINES + 2
