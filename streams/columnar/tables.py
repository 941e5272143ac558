"""Hash tables in arrays: what compiled code keeps between two calls.

Each table here is a Python object that owns its arrays and lets them grow, and a named tuple of
those arrays (:attr:`arrays`) that compiled code reads and fills. A kernel never grows a table: it
stops when one is nearly full, and goes on after :meth:`make_room`. All tables probe linearly and are
at most half full.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from streams.batch import PADDING
from streams.columnar.native import compiled, copy_bytes, mix, same_bytes, text_hash, xxh64
from streams.columnar.words import NAMES
from streams.columns import Names

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]

#: Entries and bytes that must be free in each table before a record is folded: an order has up to
#: a hundred lines, each with a product of up to 64 characters.
SLACK: Final = 128
SLACK_BYTES: Final = 128 * 256
_FACTORS = np.array(
    [0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63],
    dtype=np.uint64,
)
#: By how much a table grows. More would move what is in it less often, and hold more that is unused.
_GROWTH: Final = 2
#: A table that could be this many times smaller is made smaller.
_MOST_UNUSED: Final = 16
#: Rows of a new table. Memory that nobody has written to costs nothing.
_SMALLEST: Final = 32 * SLACK
_SMALLEST_BYTES: Final = 8 * SLACK_BYTES


def grown(array: npt.NDArray[Any], size: int) -> Any:
    """The same content in an array of another length; what lies behind it is anything."""
    larger = np.empty((size, *array.shape[1:]), dtype=array.dtype)
    kept = min(size, len(array))
    larger[:kept] = array[:kept]
    return larger


def packed(texts: Iterable[str]) -> tuple[Bytes, list[int]]:
    """Texts one behind the other, padded; and each as ``at << 16 | size``."""
    parts = [text.encode() for text in texts]
    places, at = [], 0
    for part in parts:
        places.append(at << 16 | len(part))
        at += len(part)
    return np.frombuffer(bytearray(b"".join(parts) + bytes(PADDING)), dtype=np.uint8), places


# --- strings ---------------------------------------------------------------------------------


class VocabularyArrays(NamedTuple):
    """``slots``: code + 1; ``used``: number of strings, bytes of ``blob``."""

    slots: npt.NDArray[np.int32]
    hashes: Words
    ends: Ints
    blob: Bytes
    used: Ints


@compiled
def intern(vocabulary, data, text, h):
    """The code of a text whose ``text_hash`` is ``h``; a new one where it was never seen."""
    at, size = text >> 16, text & 0xFFFF
    mask = np.uint64(len(vocabulary.slots) - 1)
    slot = h & mask
    while True:
        code = np.int64(vocabulary.slots[slot]) - 1
        if code < 0:
            break
        if vocabulary.hashes[code] == h:
            begin = vocabulary.ends[code]
            if vocabulary.ends[code + 1] - begin == size and same_bytes(
                data, at, vocabulary.blob, begin, size
            ):
                return code
        slot = (slot + np.uint64(1)) & mask
    code = vocabulary.used[0]
    vocabulary.slots[slot] = code + 1
    vocabulary.hashes[code] = h
    begin = vocabulary.used[1]
    copy_bytes(data, at, vocabulary.blob, begin, size)
    vocabulary.ends[code + 1] = begin + size
    vocabulary.used[0] = code + 1
    vocabulary.used[1] = begin + size
    return code


@compiled
def _intern_all(vocabulary, data, texts, codes):
    for i in range(len(texts)):
        codes[i] = intern(vocabulary, data, texts[i], text_hash(data, texts[i]))


class Vocabulary:
    """Strings as numbers: rooms, products, KOLs, currencies, and all of ``words.NAMES``."""

    __slots__ = ("_strings", "arrays")

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._strings: list[str] = []
        self.arrays = VocabularyArrays(
            np.zeros(2 * _SMALLEST, dtype=np.int32),
            np.zeros(_SMALLEST, dtype=np.uint64),
            np.zeros(_SMALLEST + 1, dtype=np.int64),
            np.zeros(_SMALLEST_BYTES, dtype=np.uint8),
            np.zeros(2, dtype=np.int64),
        )
        self.codes(NAMES)
        self.codes(names)

    def __len__(self) -> int:
        return int(self.arrays.used[0])

    def codes(self, names: Sequence[str]) -> Ints:
        """The codes of strings."""
        codes = np.zeros(len(names), dtype=np.int64)
        for begin in range(0, len(names), SLACK):
            self.make_room()
            data, texts = packed(names[begin : begin + SLACK])
            part = codes[begin : begin + SLACK]
            _intern_all(self.arrays, data, np.array(texts, dtype=np.int64), part)
        return codes

    def names(self) -> Names:
        """All strings there are now, by their codes."""
        arrays, n = self.arrays, len(self)
        # What is added later stands behind them, or in other arrays.
        return Names(arrays.blob, arrays.ends[: n + 1])

    def strings(self) -> list[str]:
        """All strings, in the order of their codes."""
        known = len(self._strings)
        if known < len(self):
            self._strings += Names(
                self.arrays.blob, self.arrays.ends[known : len(self) + 1]
            ).tolist()
        return self._strings

    def make_room(self) -> None:
        """Grow where fewer than :data:`SLACK` strings would fit."""
        slots, hashes, ends, blob, used = self.arrays
        n, size = int(used[0]), int(used[1])
        if size + SLACK_BYTES + PADDING > len(blob):
            blob = grown(blob, _GROWTH * len(blob))
        if n + SLACK > len(hashes):
            hashes, ends = grown(hashes, 2 * len(hashes)), grown(ends, 2 * len(hashes) + 1)
            slots = np.zeros(2 * len(hashes), dtype=np.int32)
            _fill_slots(slots, hashes, n)
        self.arrays = VocabularyArrays(slots, hashes, ends, blob, used)


@compiled
def _fill_slots(slots, hashes, n):
    mask = np.uint64(len(slots) - 1)
    for i in range(n):
        slot = hashes[i] & mask
        while slots[slot] != 0:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = i + 1


# --- cells -----------------------------------------------------------------------------------


_ROW = np.uint64(2**32 - 1)
_ROWS = np.uint64(2**32)


class CellArrays(NamedTuple):
    """``keys``: see :func:`find_cell`; ``cells``: version and values.

    A slot is row + 1, and above it the upper half of the key's hash: what has another one need not be
    looked at.
    """

    slots: Words
    keys: Ints
    cells: Ints
    used: Ints


@compiled
def _key_hash(first, second, third, window_ms):
    # Four products that do not wait for each other.
    h = np.uint64(first) * _FACTORS[0] ^ np.uint64(second) * _FACTORS[1]
    h ^= np.uint64(third) * _FACTORS[2] ^ np.uint64(window_ms) * _FACTORS[3]
    return mix(np.uint64(0), h ^ (h >> np.uint64(32)))


@compiled
def find_cell(table, offset, first, second, third, window_ms):
    """The row of a cell; a new one of zeros where there is none.

    A record at ``offset`` is folded into it; with -1 its version stays what it is. One function for
    both: calling another one took 7 % of a purchase's time.

    A key is three words of two codes each, the low half first (the last half is the late slice),
    and the start of the window.
    """
    mask = np.uint64(len(table.slots) - 1)
    h = _key_hash(first, second, third, window_ms)
    slot = h & mask
    while table.slots[slot] != 0:
        held = table.slots[slot]
        if (held ^ h) < _ROWS:
            row = np.int64(held & _ROW) - 1
            if (
                table.keys[row, 0] == first
                and table.keys[row, 3] == window_ms
                and table.keys[row, 1] == second
                and table.keys[row, 2] == third
            ):
                if offset >= 0:
                    table.cells[row, 0] = offset
                return row
        slot = (slot + np.uint64(1)) & mask
    row = table.used[0]
    table.used[0] = row + 1
    table.slots[slot] = (h & ~_ROW) | np.uint64(row + 1)
    table.keys[row, 0] = first
    table.keys[row, 1] = second
    table.keys[row, 2] = third
    table.keys[row, 3] = window_ms
    for i in range(table.cells.shape[1]):
        table.cells[row, i] = 0
    if offset >= 0:
        table.cells[row, 0] = offset
    return row


@compiled
def _index_cells(slots, keys, n):
    mask = np.uint64(len(slots) - 1)
    for row in range(n):
        h = _key_hash(keys[row, 0], keys[row, 1], keys[row, 2], keys[row, 3])
        slot = h & mask
        while slots[slot] != 0:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = (h & ~_ROW) | np.uint64(row + 1)


#: The columns that :meth:`CellTable.changed` makes of a key: five codes, the late slice, and the
#: start of the window.
KEY_SLICE: Final = 5
KEY_START: Final = 6
_KEY_COLUMNS: Final = 7


@compiled
def _find_changed(cells, n, position, rows):
    """The rows of cells that something at or above a position was folded into; how many."""
    found = 0
    for row in range(n):
        if cells[row, 0] >= position:
            rows[found] = row
            found += 1
    return found


@compiled
def _turn(matrix, rows, columns):
    """Some rows of a matrix, each as a column."""
    for i in range(len(rows)):
        for k in range(matrix.shape[1]):
            columns[k, i] = matrix[rows[i], k]


@compiled
def _turn_keys(keys, rows, columns):
    """Some keys, halves apart; see :data:`KEY_SLICE`."""
    for i in range(len(rows)):
        row = rows[i]
        for k in range(3):
            columns[2 * k, i] = keys[row, k] & 0xFFFFFFFF
            columns[2 * k + 1, i] = keys[row, k] >> 32
        columns[KEY_START, i] = keys[row, 3]


@compiled
def _keep_open(table, closed_until_ms, open_slice, late_from_ms):
    """Drop the cells that no later record can reach, and index the others anew; how many remain."""
    keys, cells, n = table.keys, table.cells, table.used[0]
    kept = 0
    for row in range(n):
        late_slice = keys[row, 2] >> 32
        if late_slice > 0:
            is_open = late_slice >= open_slice and keys[row, 3] >= late_from_ms
        else:
            is_open = keys[row, 3] > closed_until_ms
        if is_open:
            if kept < row:
                for k in range(keys.shape[1]):
                    keys[kept, k] = keys[row, k]
                for k in range(cells.shape[1]):
                    cells[kept, k] = cells[row, k]
            kept += 1
    if kept < n:
        table.used[0] = kept
        table.slots[:] = 0
        _index_cells(table.slots, keys, kept)
    return kept


@compiled
def _put(table, keys, cells):
    for i in range(len(keys)):
        row = find_cell(table, np.int64(-1), keys[i, 0], keys[i, 1], keys[i, 2], keys[i, 3])
        for k in range(cells.shape[1]):
            table.cells[row, k] = cells[i, k]


class CellTable:
    """The open windows of one table: keys and absolute values, a row each.

    Args:
        width: values of a cell, without its version.
    """

    __slots__ = ("arrays",)

    def __init__(self, width: int) -> None:
        self.arrays = CellArrays(
            np.zeros(2 * _SMALLEST, dtype=np.uint64),
            np.empty((_SMALLEST, 4), dtype=np.int64),
            np.empty((_SMALLEST, 1 + width), dtype=np.int64),
            np.zeros(1, dtype=np.int64),
        )

    def __len__(self) -> int:
        return int(self.arrays.used[0])

    @property
    def keys(self) -> Ints:
        """``int64[n, 4]``, see :func:`find_cell`."""
        return self.arrays.keys[: len(self)]

    @property
    def cells(self) -> Ints:
        """``int64[n, 1 + width]``: version and values."""
        return self.arrays.cells[: len(self)]

    def changed(self, position: int) -> tuple[Ints, Ints]:
        """The cells into which a record at or above a position was folded, as columns.

        Returns:
            ``int64[7, m]``, the keys (see :data:`KEY_SLICE`), and ``int64[1 + width, m]``.
        """
        held = self.arrays
        rows: Ints = np.empty(len(self), dtype=np.int64)
        rows = rows[: _find_changed(held.cells, len(self), position, rows)]
        keys: Ints = np.empty((_KEY_COLUMNS, len(rows)), dtype=np.int64)
        cells: Ints = np.empty((held.cells.shape[1], len(rows)), dtype=np.int64)
        _turn_keys(held.keys, rows, keys)
        _turn(held.cells, rows, cells)
        return keys, cells

    def keep_open(self, closed_until_ms: int, open_slice: int, late_from_ms: int = 0) -> None:
        """Forget windows up to a moment; of late slices those before one, or of windows before one."""
        kept = _keep_open(self.arrays, closed_until_ms, open_slice, late_from_ms)
        if len(self.arrays.keys) > _MOST_UNUSED * _capacity(kept):
            self.replace(self.keys, self.cells)

    def put(self, keys: Ints, cells: Ints) -> None:
        """Hold these rows, in the place of those with the same keys."""
        self.make_room(len(keys))
        _put(self.arrays, np.ascontiguousarray(keys), np.ascontiguousarray(cells))

    def replace(self, keys: Ints, cells: Ints) -> None:
        """Hold these rows and no others."""
        self._hold(keys, cells, _capacity(len(keys)))

    def _hold(self, keys: Ints, cells: Ints, capacity: int) -> None:
        slots = np.zeros(2 * capacity, dtype=np.uint64)
        self.arrays = CellArrays(
            slots,
            grown(np.ascontiguousarray(keys, dtype=np.int64), capacity),
            grown(np.ascontiguousarray(cells, dtype=np.int64), capacity),
            np.array([len(keys)], dtype=np.int64),
        )
        _index_cells(slots, self.arrays.keys, len(keys))

    def make_room(self, cells: int = SLACK) -> None:
        """Grow where fewer cells would fit."""
        if len(self) + cells > len(self.arrays.keys):
            capacity = max(_GROWTH * len(self.arrays.keys), _capacity(len(self) + cells))
            self._hold(self.keys, self.cells, capacity)


def _capacity(n: int) -> int:
    """Rows of a table in which ``n`` cells, and what one record may add, find room."""
    capacity = _SMALLEST
    while n + SLACK > capacity:
        capacity *= 2
    return capacity


# --- ids -------------------------------------------------------------------------------------


class IdSet:
    """A set of 64-bit hashes; 0 is none of them.

    Args:
        ids: what is in it.
        room_for: how many ids it should hold without growing.
    """

    __slots__ = ("slots", "used")

    def __init__(self, ids: Words | None = None, room_for: int = 0) -> None:
        n = max(room_for, 0 if ids is None else len(ids))
        capacity = _SMALLEST
        while 2 * (n + SLACK) > capacity:
            capacity *= 2
        self.slots: Words = np.zeros(capacity, dtype=np.uint64)
        self.used: Ints = np.zeros(1, dtype=np.int64)
        if ids is not None:
            add_ids(self.slots, self.used, ids)

    def __len__(self) -> int:
        return int(self.used[0])

    def make_room(self) -> None:
        """Grow where fewer than :data:`SLACK` ids would fit."""
        if 2 * (len(self) + SLACK) > len(self.slots):
            ids = self.slots[self.slots != 0]
            self.slots = np.zeros(_GROWTH * len(self.slots), dtype=np.uint64)
            self.used[0] = 0
            add_ids(self.slots, self.used, ids)


@compiled
def id_slot(slots, one):
    """Where the search for a hash begins."""
    return mix(np.uint64(0), one) & np.uint64(len(slots) - 1)


@compiled
def has_id(slots, one):
    """Whether a hash is in the set."""
    mask = np.uint64(len(slots) - 1)
    slot = mix(np.uint64(0), one) & mask
    while slots[slot] != 0:
        if slots[slot] == one:
            return True
        slot = (slot + np.uint64(1)) & mask
    return False


@compiled
def add_id(slots, used, one):
    """Add a hash; ``False`` where it is there already."""
    mask = np.uint64(len(slots) - 1)
    slot = mix(np.uint64(0), one) & mask
    while slots[slot] != 0:
        if slots[slot] == one:
            return False
        slot = (slot + np.uint64(1)) & mask
    slots[slot] = one
    used[0] += 1
    return True


@compiled
def add_ids(slots, used, ids):
    """Add hashes."""
    for one in ids:
        add_id(slots, used, one)


# --- ledger entries --------------------------------------------------------------------------


class EntryArrays(NamedTuple):
    """``slots``: row + 1; ``hashes``: of kind and id; ``kinds``, ``texts`` (in ``blob``) say which."""

    slots: npt.NDArray[np.int32]
    hashes: Words
    kinds: Ints
    texts: Ints
    fingerprints: Words
    blob: Bytes
    used: Ints


@compiled
def entry_slot(entries, h):
    """Where the search for an entry begins."""
    return h & np.uint64(len(entries.slots) - 1)


@compiled
def find_entry(entries, h, kind, data, text):
    """The row of an entry; -1 where there is none. ``h`` is ``scan.entry_hash`` of it."""
    if entries.used[0] == 0:
        return np.int64(-1)
    mask = np.uint64(len(entries.slots) - 1)
    slot = h & mask
    while True:
        row = np.int64(entries.slots[slot]) - 1
        if row < 0:
            return row
        if entries.hashes[row] == h and entries.kinds[row] == kind:
            held = entries.texts[row]
            size = text & 0xFFFF
            if held & 0xFFFF == size and same_bytes(
                data, text >> 16, entries.blob, held >> 16, size
            ):
                return row
        slot = (slot + np.uint64(1)) & mask


@compiled
def add_entry(entries, h, kind, data, text, mark):
    """Add an entry that is not there yet."""
    mask = np.uint64(len(entries.slots) - 1)
    slot = h & mask
    while entries.slots[slot] != 0:
        slot = (slot + np.uint64(1)) & mask
    row = entries.used[0]
    at, size = text >> 16, text & 0xFFFF
    begin = entries.used[1]
    copy_bytes(data, at, entries.blob, begin, size)
    entries.slots[slot] = row + 1
    entries.hashes[row] = h
    entries.kinds[row] = kind
    entries.texts[row] = (begin << 16) | size
    entries.fingerprints[row] = mark
    entries.used[0] = row + 1
    entries.used[1] = begin + size


@compiled
def _add_entries(entries, kinds, data, texts, marks):
    for i in range(len(texts)):
        text = texts[i]
        h = mix(np.uint64(kinds[i]), xxh64(data, text >> 16, text & 0xFFFF))
        add_entry(entries, h, kinds[i], data, text, marks[i])


class EntryTable:
    """Orders, cancellations and refunds, in full: kind, id, fingerprint."""

    __slots__ = ("arrays",)

    def __init__(self) -> None:
        self.arrays = EntryArrays(
            np.zeros(2 * _SMALLEST, dtype=np.int32),
            np.empty(_SMALLEST, dtype=np.uint64),
            np.empty(_SMALLEST, dtype=np.int64),
            np.empty(_SMALLEST, dtype=np.int64),
            np.empty(_SMALLEST, dtype=np.uint64),
            np.empty(_SMALLEST_BYTES, dtype=np.uint8),
            np.zeros(2, dtype=np.int64),
        )

    def __len__(self) -> int:
        return int(self.arrays.used[0])

    @property
    def hashes(self) -> Words:
        """Of kind and id, in the order in which they were added."""
        return self.arrays.hashes[: len(self)]

    def add(self, entries: Sequence[tuple[int, str, int]]) -> None:
        """Add ``(kind, id, fingerprint)``, none of them there yet."""
        for begin in range(0, len(entries), SLACK):
            self.make_room()
            part = entries[begin : begin + SLACK]
            data, texts = packed(entry_id for _, entry_id, _ in part)
            _add_entries(
                self.arrays,
                np.array([kind for kind, _, _ in part], dtype=np.int64),
                data,
                np.array(texts, dtype=np.int64),
                np.array([mark for _, _, mark in part], dtype=np.uint64),
            )

    def absorb(self, other: EntryTable) -> None:
        """Add what another table holds."""
        _, _, kinds, texts, marks, blob, used = other.arrays
        for begin in range(0, int(used[0]), SLACK):
            self.make_room()
            end = min(begin + SLACK, int(used[0]))
            _add_entries(self.arrays, kinds[begin:end], blob, texts[begin:end], marks[begin:end])

    def make_room(self) -> None:
        """Grow where fewer than :data:`SLACK` entries would fit."""
        slots, hashes, kinds, texts, marks, blob, used = self.arrays
        n, size = int(used[0]), int(used[1])
        if size + SLACK_BYTES + PADDING > len(blob):
            blob = grown(blob, _GROWTH * len(blob))
        if n + SLACK > len(hashes):
            larger = _GROWTH * len(hashes)
            hashes, kinds = grown(hashes, larger), grown(kinds, larger)
            texts, marks = grown(texts, larger), grown(marks, larger)
            slots = np.zeros(2 * larger, dtype=np.int32)
            _fill_slots(slots, hashes, n)
        self.arrays = EntryArrays(slots, hashes, kinds, texts, marks, blob, used)


# --- what is handed over ---------------------------------------------------------------------


class OutArrays(NamedTuple):
    """``rows``: a matrix whose texts stand in ``blob``; ``seen``: the rows' hashes, if they are a set."""

    rows: Ints
    blob: Bytes
    seen: Words
    used: Ints


class OutTable:
    """Rows for the store with texts of their own, until they are taken.

    ``arrays.used`` counts the rows, the bytes of their texts, and the hashes.

    Args:
        width: columns of the matrix.
        is_set: whether rows are told apart by a hash.
    """

    __slots__ = ("_is_set", "arrays")

    def __init__(self, width: int, *, is_set: bool = False) -> None:
        self._is_set = is_set
        self.arrays = OutArrays(
            np.empty((_SMALLEST, width), dtype=np.int64),
            np.empty(_SMALLEST_BYTES, dtype=np.uint8),
            np.zeros(4 * _SMALLEST if is_set else 1, dtype=np.uint64),
            np.zeros(3, dtype=np.int64),
        )

    def __len__(self) -> int:
        return int(self.arrays.used[0])

    def make_room(self) -> None:
        """Grow where fewer than :data:`SLACK` rows would fit."""
        rows, blob, seen, used = self.arrays
        n, size = int(used[0]), int(used[1])
        if n + SLACK > len(rows):
            rows = grown(rows, _GROWTH * len(rows))
            if self._is_set:
                ids, seen = seen[seen != 0], np.zeros(_GROWTH * len(seen), dtype=np.uint64)
                add_ids(seen, np.zeros(1, dtype=np.int64), ids)
        if size + SLACK_BYTES + PADDING > len(blob):
            blob = grown(blob, _GROWTH * len(blob))
        self.arrays = OutArrays(rows, blob, seen, used)

    def take(self) -> tuple[Ints, Bytes]:
        """The columns and the rows' texts; the table is empty afterwards, and no larger than it need be."""
        rows, blob, seen, used = self.arrays
        n, size = int(used[0]), int(used[1])
        columns: Ints = np.empty((rows.shape[1], n), dtype=np.int64)
        _turn(rows, np.arange(n), columns)
        taken = columns, blob[: size + PADDING].copy()
        if 8 * n < len(rows) and len(rows) > _SMALLEST:
            rows, seen = rows[: len(rows) // 2], seen[: max(1, len(seen) // 2)]
        if self._is_set:
            seen = np.zeros(len(seen), dtype=np.uint64)
        used[:] = 0
        self.arrays = OutArrays(rows, blob, seen, used)
        return taken


@compiled
def keep_text(out, data, text):
    """Copy a text to the rows' own bytes; where it stands there."""
    at, size = text >> 16, text & 0xFFFF
    begin = out.used[1]
    copy_bytes(data, at, out.blob, begin, size)
    out.used[1] = begin + size
    return (begin << 16) | size
