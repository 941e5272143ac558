"""The kernels: from scanned records to cells, in offset order.

Each does for one record what the fold of its topic in :mod:`streams` does for one event, in the
same order: too far ahead? wrong key? seen before? then place it by the watermark and add it up. They
stop early when a table needs room or a generation of ids is full, and say at which record.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from schemas.rows import ACTIVITY_VALUES, PRODUCT_VALUES, SALES_VALUES
from streams.columnar.native import compiled, load8, mix, prefetch, same_bytes, text_hash
from streams.columnar.scan import (
    CURRENCY,
    DISCOUNT,
    ID_HASH,
    KIND,
    KOL,
    LINE_AMOUNT,
    LINE_HASH,
    LINE_PRODUCT,
    LINE_QUANTITY,
    LINE_SKU,
    LINES,
    LINES_FROM,
    MODE,
    NUMBER,
    ORDER,
    PRODUCT,
    ROOM,
    SOURCE,
    TIME,
    USER,
    identity,
)
from streams.columnar.tables import (
    SLACK,
    SLACK_BYTES,
    Bytes,
    Ints,
    add_entry,
    add_id,
    entry_slot,
    find_cell,
    find_entry,
    has_id,
    id_slot,
    intern,
    keep_text,
)
from streams.columnar.words import NAMES, kind_of, name_code
from streams.dedup import text_hash as text_hash_of

# --- numbers of a fold, in one array -------------------------------------------------------
NEWEST_MS: Final = 0
NOW_MS: Final = 1
LATE: Final = 2
DUPLICATES: Final = 3
ADMITTED: Final = 4
DEAD: Final = 5  #: rows of ``dead``
FRESH: Final = 6  #: entries of ``fresh``
MARKS: Final = 7

# --- the window policy, in one array -------------------------------------------------------
WINDOW_MS: Final = 0
LATENESS_MS: Final = 1
AHEAD_MS: Final = 2
PER_SLICE: Final = 3
GENERATION: Final = 4

# --- why a record is dead ------------------------------------------------------------------
TOO_FAR_AHEAD: Final = 1
WRONG_KEY: Final = 2
CONFLICT: Final = 3

# --- rows of the ledger, before they are columns -------------------------------------------
LEDGER_COLUMNS: Final = (
    "kind",
    "id",
    "order_id",
    "user_id",
    "room_id",
    "kol_id",
    "currency",
    "promo",
    "attribution",
    "amount_minor",
    "discount_minor",
    "sku_orders",
    "units",
    "occurred_at_ms",
    "fingerprint",
    "kafka_offset",
)

_ENTERED = kind_of("viewer_entered")
_LEFT = kind_of("viewer_left")
_SHOWN = kind_of("product_shown")
_CLICKED = kind_of("product_clicked")
_CART = kind_of("cart_added")
_CHAT = kind_of("chat_sent")
_LIKES = kind_of("likes_sent")
_PAID = kind_of("order_paid")
_CANCELLED = kind_of("order_cancelled")
_REFUNDED = kind_of("order_refunded")

_VIEWER, _CHATTER, _LIKER, _CLICKER, _BUYER = map(
    name_code, ("viewer", "chatter", "liker", "clicker", "buyer")
)

_A_EVENTS, _A_LATE, _A_VIEWS, _A_LEAVES, _A_WATCH = (
    1 + ACTIVITY_VALUES.index(name) for name in ("events", "late", "views", "leaves", "watch_ms")
)
_A_IMPRESSIONS, _A_CLICKS, _A_CARTS, _A_CHATS, _A_LIKES = (
    1 + ACTIVITY_VALUES.index(name) for name in ("impressions", "clicks", "carts", "chats", "likes")
)
_P_IMPRESSIONS, _P_CLICKS, _P_CARTS, _P_ORDERS, _P_SKU_ORDERS, _P_UNITS = (
    1 + PRODUCT_VALUES.index(name)
    for name in ("impressions", "clicks", "carts", "orders", "sku_orders", "units")
)
_P_GMV, _P_REFUNDS, _P_REFUNDED_UNITS, _P_REFUND = (
    1 + PRODUCT_VALUES.index(name)
    for name in ("gmv_minor", "refunds", "refunded_units", "refund_minor")
)
_S_ORDERS, _S_SKU_ORDERS, _S_UNITS, _S_GMV, _S_DISCOUNT = (
    1 + SALES_VALUES.index(name)
    for name in ("orders", "sku_orders", "units", "gmv_minor", "discount_minor")
)
_S_CANCELLED, _S_REFUNDS, _S_REFUNDED_UNITS, _S_REFUND = (
    1 + SALES_VALUES.index(name)
    for name in ("cancelled", "refunds", "refunded_units", "refund_minor")
)

#: The hash of each name, for fingerprints.
_NAME_HASHES = np.array([text_hash_of(name) for name in NAMES], dtype=np.uint64)
_MINUTE_MS = 60_000
#: Ids are looked up in memory that no cache holds; so it is asked for this many records ahead.
_SOON = 12


class Records(NamedTuple):
    """A scanned batch, as arrays of the same length, except for ``data`` and ``lines``."""

    data: Bytes
    key_at: Ints
    key_size: Ints
    offsets: Ints
    appended_ms: Ints
    fields: Ints
    lines: Ints


@compiled
def _is_sound(records, i, marks, policy, dead):
    """Whether a record may be folded; noted in ``dead`` where it may not."""
    ahead_ms = records.fields[i, TIME] - records.appended_ms[i]
    if ahead_ms > policy[AHEAD_MS]:
        _bury(i, TOO_FAR_AHEAD, ahead_ms, marks, dead)
        return False
    # The room, or the room and a fact or a shard behind it; see ``schemas.keys.fits_room``.
    key_size = records.key_size[i]
    if key_size > 0:
        room = records.fields[i, ROOM]
        size = room & 0xFFFF
        at = records.key_at[i]
        if key_size >= size and same_bytes(records.data, at, records.data, room >> 16, size):
            if key_size == size:
                return True
            behind = load8(records.data, at + size)
            if behind == 0x3A or behind == 0x23:
                return True
        _bury(i, WRONG_KEY, np.int64(0), marks, dead)
        return False
    return True


@compiled
def _bury(i, reason, detail, marks, dead):
    n = marks[DEAD]
    dead[n, 0] = i
    dead[n, 1] = reason
    dead[n, 2] = detail
    marks[DEAD] = n + 1


@compiled
def _place(time_ms, marks, policy):
    """``streams.windows.Watermark.place``."""
    size = policy[WINDOW_MS]
    window_ms = time_ms - time_ms % size
    late_slice = np.int64(0)
    if window_ms + size <= marks[NOW_MS]:
        late_slice = 1 + marks[LATE] // policy[PER_SLICE]
        marks[LATE] += 1
    if time_ms > marks[NEWEST_MS]:
        marks[NEWEST_MS] = time_ms
        marks[NOW_MS] = max(np.int64(0), time_ms - policy[LATENESS_MS])
    return window_ms, late_slice


@compiled
def _met(people, data, room_and_kol, role, time_ms, user, user_hash):
    """Note that a person was there, in that role, in that minute."""
    minute = (time_ms - time_ms % _MINUTE_MS) // 1_000
    role_and_minute = role | (minute << 32)
    # Each is mixed before it meets the next: two small numbers may have one exclusive or.
    h = mix(mix(np.uint64(0), np.uint64(room_and_kol)), np.uint64(role_and_minute))
    h = mix(h, user_hash)
    # ``used[2]`` is not read; the rows are counted.
    if add_id(people.seen, people.used[2:], h | np.uint64(h == np.uint64(0))):
        n = people.used[0]
        people.rows[n, 0] = room_and_kol
        people.rows[n, 1] = role_and_minute
        people.rows[n, 2] = keep_text(people, data, user)
        people.used[0] = n + 1


@compiled
def _has_room(vocabulary, n_cells, cells_size, people):
    return (
        vocabulary.used[0] + SLACK <= len(vocabulary.hashes)
        and vocabulary.used[1] + SLACK_BYTES <= len(vocabulary.blob)
        and n_cells + SLACK <= cells_size
        and people.used[0] + SLACK <= len(people.rows)
        and people.used[1] + SLACK_BYTES <= len(people.blob)
    )


@compiled
def fold_events(
    records, first, marks, policy, dead, fresh, current, current_used, previous,
    vocabulary, activity, products, people,
):  # fmt: skip
    """Fold traffic, chat or likes from record ``first`` on; where it stopped.

    It stops behind the last record, behind the one that fills a generation of ids, and before one
    for which a table may have no room.
    """
    fields = records.fields
    data = records.data
    for i in range(first, len(fields)):
        kind = fields[i, KIND]
        if kind < 0:
            continue
        if (
            not _has_room(vocabulary, activity.used[0], len(activity.keys), people)
            or products.used[0] + SLACK > len(products.keys)
            or 2 * (current_used[0] + SLACK) > len(current)
        ):
            return i
        if not _is_sound(records, i, marks, policy, dead):
            continue
        if i + _SOON < len(fields):
            soon = np.uint64(fields[i + _SOON, ID_HASH])
            prefetch(current, id_slot(current, soon))
            prefetch(previous, id_slot(previous, soon))
        one = np.uint64(fields[i, ID_HASH])
        if has_id(previous, one) or not add_id(current, current_used, one):
            marks[DUPLICATES] += 1
            continue
        fresh[marks[FRESH]] = one
        marks[FRESH] += 1
        marks[ADMITTED] += 1

        time_ms = fields[i, TIME]
        window_ms, late_slice = _place(time_ms, marks, policy)
        room = intern(vocabulary, data, fields[i, ROOM], text_hash(data, fields[i, ROOM]))
        offset = records.offsets[i]
        user = fields[i, USER]
        second = np.int64(0)
        if kind == _ENTERED:
            room_and_source = room | (fields[i, SOURCE] << 32)
            second = fields[i, MODE]
        else:
            room_and_source = room
            if kind == _LEFT:
                second = fields[i, MODE]
        row = find_cell(
            activity, offset, room_and_source, second, late_slice << 32, window_ms
        )  # fmt: skip
        cell = activity.cells[row]
        cell[_A_EVENTS] += 1
        if late_slice:
            cell[_A_LATE] += 1
        if kind in (_SHOWN, _CLICKED, _CART):
            text = fields[i, PRODUCT]
            product = intern(vocabulary, data, text, text_hash(data, text))
            row = find_cell(
                products, offset, room | (product << 32), np.int64(0), late_slice << 32, window_ms
            )
            if kind == _SHOWN:
                cell[_A_IMPRESSIONS] += 1
                products.cells[row, _P_IMPRESSIONS] += 1
            elif kind == _CLICKED:
                cell[_A_CLICKS] += 1
                products.cells[row, _P_CLICKS] += 1
                _met(people, data, room, _CLICKER, time_ms, user, text_hash(data, user))
            else:
                cell[_A_CARTS] += 1
                products.cells[row, _P_CARTS] += 1
        elif kind == _ENTERED:
            cell[_A_VIEWS] += 1
            _met(people, data, room, _VIEWER, time_ms, user, text_hash(data, user))
        elif kind == _LEFT:
            cell[_A_LEAVES] += 1
            cell[_A_WATCH] += fields[i, NUMBER]
        elif kind == _CHAT:
            cell[_A_CHATS] += 1
            _met(people, data, room, _CHATTER, time_ms, user, text_hash(data, user))
        elif kind == _LIKES:
            cell[_A_LIKES] += fields[i, NUMBER]
            _met(people, data, room, _LIKER, time_ms, user, text_hash(data, user))
        if marks[ADMITTED] % policy[GENERATION] == 0:
            return i + 1
    return len(fields)


@compiled
def find_unknown(records, current, previous, hashes, where):
    """The purchases that neither generation holds: their hashes, their places; how many."""
    n = 0
    for i in range(len(records.fields)):
        kind = records.fields[i, KIND]
        if kind > 0:
            text = identity(records.fields[i], kind)
            h = np.uint64(records.fields[i, ID_HASH])
            if (
                find_entry(current, h, kind, records.data, text) < 0
                and find_entry(previous, h, kind, records.data, text) < 0
            ):
                hashes[n] = h
                where[n] = i
                n += 1
    return n


@compiled
def fold_sales(
    records, first, marks, policy, dead, current, previous, leaving, known,
    vocabulary, activity, sales, products, people, ledger,
):  # fmt: skip
    """Fold purchases from record ``first`` on; where it stopped, as :func:`fold_events`."""
    data, fields, lines = records.data, records.fields, records.lines
    for i in range(first, len(fields)):
        kind = fields[i, KIND]
        if kind < 0:
            continue
        if (
            not _has_room(vocabulary, activity.used[0], len(activity.keys), people)
            or sales.used[0] + SLACK > len(sales.keys)
            or products.used[0] + SLACK > len(products.keys)
            or current.used[0] + SLACK > len(current.hashes)
            or current.used[1] + SLACK_BYTES > len(current.blob)
            or ledger.used[0] + SLACK > len(ledger.rows)
            or ledger.used[1] + SLACK_BYTES > len(ledger.blob)
        ):
            return i
        if not _is_sound(records, i, marks, policy, dead):
            continue
        if i + _SOON < len(fields):
            soon = np.uint64(fields[i + _SOON, ID_HASH])
            prefetch(current.slots, entry_slot(current, soon))
            prefetch(previous.slots, entry_slot(previous, soon))
        text = identity(fields[i], kind)
        h = np.uint64(fields[i, ID_HASH])
        # ``streams.sales.fingerprint``; each text is hashed once, for this and for its number.
        room_hash = text_hash(data, fields[i, ROOM])
        kol_hash = text_hash(data, fields[i, KOL])
        user_hash = text_hash(data, fields[i, USER])
        currency_hash = text_hash(data, fields[i, CURRENCY])
        mark = mix(mix(mix(np.uint64(0), room_hash), kol_hash), user_hash)
        mark = mix(mix(mark, text_hash(data, fields[i, ORDER])), currency_hash)
        mark = mix(mix(mark, _NAME_HASHES[fields[i, SOURCE]]), _NAME_HASHES[fields[i, MODE]])
        mark = mix(mark, np.uint64(fields[i, NUMBER]))
        begin, end = fields[i, LINES_FROM], fields[i, LINES_FROM] + fields[i, LINES]
        for k in range(begin, end):
            product_hash = text_hash(data, lines[k, LINE_PRODUCT])
            lines[k, LINE_HASH] = np.int64(product_hash)
            mark = mix(mix(mark, product_hash), text_hash(data, lines[k, LINE_SKU]))
            mark = mix(mark, np.uint64(lines[k, LINE_QUANTITY]))
            mark = mix(mark, np.uint64(lines[k, LINE_AMOUNT]))
        accepted = mark
        found = True
        row = find_entry(current, h, kind, data, text)
        if row >= 0:
            accepted = current.fingerprints[row]
        else:
            row = find_entry(previous, h, kind, data, text)
            if row >= 0:
                accepted = previous.fingerprints[row]
            else:
                row = find_entry(leaving, h, kind, data, text)
                if row >= 0:
                    accepted = leaving.fingerprints[row]
                else:
                    row = find_entry(known, h, kind, data, text)
                    if row >= 0:
                        accepted = known.fingerprints[row]
                    else:
                        found = False
        if found:
            if accepted == mark:
                marks[DUPLICATES] += 1
            else:
                _bury(i, CONFLICT, np.int64(0), marks, dead)
            continue
        add_entry(current, h, kind, data, text, mark)
        marks[ADMITTED] += 1

        time_ms = fields[i, TIME]
        window_ms, late_slice = _place(time_ms, marks, policy)
        offset = records.offsets[i]
        room = intern(vocabulary, data, fields[i, ROOM], room_hash)
        kol = intern(vocabulary, data, fields[i, KOL], kol_hash)
        currency = intern(vocabulary, data, fields[i, CURRENCY], currency_hash)
        promo, attribution, amount = fields[i, SOURCE], fields[i, MODE], fields[i, NUMBER]

        row = find_cell(activity, offset, room, np.int64(0), late_slice << 32, window_ms)
        activity.cells[row, _A_EVENTS] += 1
        if late_slice:
            activity.cells[row, _A_LATE] += 1
        row = find_cell(
            sales, offset, room | (kol << 32), currency | (promo << 32),
            attribution | (late_slice << 32), window_ms,
        )  # fmt: skip
        cell = sales.cells[row]
        units = np.int64(0)
        for k in range(begin, end):
            units += lines[k, LINE_QUANTITY]
            product = intern(
                vocabulary, data, lines[k, LINE_PRODUCT], np.uint64(lines[k, LINE_HASH])
            )
            # Its code stands in for its text from here on; what is scanned is read once.
            lines[k, LINE_PRODUCT] = product
            is_first = 1
            for other in range(begin, k):
                if lines[other, LINE_PRODUCT] == product:
                    is_first = 0
                    break
            row = find_cell(
                products, offset, room | (product << 32), kol | (currency << 32),
                promo | (late_slice << 32), window_ms,
            )  # fmt: skip
            if kind == _PAID:
                products.cells[row, _P_ORDERS] += is_first
                products.cells[row, _P_SKU_ORDERS] += 1
                products.cells[row, _P_UNITS] += lines[k, LINE_QUANTITY]
                products.cells[row, _P_GMV] += lines[k, LINE_AMOUNT]
            else:
                products.cells[row, _P_REFUNDS] += is_first
                products.cells[row, _P_REFUNDED_UNITS] += lines[k, LINE_QUANTITY]
                products.cells[row, _P_REFUND] += lines[k, LINE_AMOUNT]
        discount = np.int64(0)
        if kind == _PAID:
            discount = fields[i, DISCOUNT]
            cell[_S_ORDERS] += 1
            cell[_S_SKU_ORDERS] += end - begin
            cell[_S_UNITS] += units
            cell[_S_GMV] += amount
            cell[_S_DISCOUNT] += discount
            _met(people, data, room | (kol << 32), _BUYER, time_ms, fields[i, USER], user_hash)
        elif kind == _REFUNDED:
            cell[_S_REFUNDS] += 1
            cell[_S_REFUNDED_UNITS] += units
            cell[_S_REFUND] += amount
        else:
            cell[_S_CANCELLED] += 1

        n = ledger.used[0]
        entry = ledger.rows[n]
        order = keep_text(ledger, data, fields[i, ORDER])
        entry[0] = kind
        entry[1] = keep_text(ledger, data, text) if kind == _REFUNDED else order
        entry[2] = order
        entry[3] = keep_text(ledger, data, fields[i, USER])
        entry[4] = room
        entry[5] = kol
        entry[6] = currency
        entry[7] = promo
        entry[8] = attribution
        entry[9] = amount
        entry[10] = discount
        entry[11] = end - begin
        entry[12] = units
        entry[13] = time_ms
        entry[14] = np.int64(mark)
        entry[15] = offset
        ledger.used[0] = n + 1
        if current.used[0] >= policy[GENERATION]:
            return i + 1
    return len(fields)
