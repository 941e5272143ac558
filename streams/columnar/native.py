"""What compiled code needs and Python does not have: unaligned words, bit tricks, a hash.

Indices into bytes are plain ``int64``; nothing here checks bounds. Whoever calls keeps
``streams.batch.PADDING`` zero bytes behind the data, so that a word may be read at its last byte.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, njit, types
from numba.core.errors import TypingError
from numba.extending import intrinsic


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function at its first call.

    Nothing that is compiled makes or keeps an array: whoever calls holds them. So there is no
    counting of references (``_nrt``), which takes more time than all the rest, an atomic operation
    for every array that a function looks at.

    The result is kept for the next process where numba has been given a folder (its setting
    ``CACHE_DIR``, see ``agents/compiled.py``). Not beside the source: there numba would only look at
    the age of the one file, and go on with what the file beside it said before.
    """
    keep = bool(config.CACHE_DIR)
    result: Callable[..., Any] = njit(
        cache=keep, nogil=True, boundscheck=False, error_model="numpy", _nrt=False
    )(function)
    return result


def _load(bits: int, result: types.Type) -> Callable[..., Any]:
    def typed(context: Any, data: Any, index: Any) -> Any:
        if not isinstance(data, types.Array) or data.dtype != types.uint8:
            raise TypingError("only bytes can be loaded from")

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, args[0])
            place = builder.gep(array.data, [args[1]])
            word = builder.bitcast(place, ir.IntType(bits).as_pointer())
            loaded = builder.load(word)
            loaded.align = 1
            return loaded

        return result(data, types.int64), generate

    return typed


@intrinsic
def load64(context, data, index):
    """The eight bytes at an index as one little-endian word."""
    return _load(64, types.uint64)(context, data, index)


@intrinsic
def store64(context, data, index, word):
    """Write one little-endian word to the eight bytes at an index."""

    def generate(context, builder, signature, args):
        array = context.make_array(signature.args[0])(context, builder, args[0])
        place = builder.gep(array.data, [args[1]])
        stored = builder.store(args[2], builder.bitcast(place, ir.IntType(64).as_pointer()))
        stored.align = 1
        return context.get_dummy_value()

    return types.none(data, types.int64, types.uint64), generate


@intrinsic
def load32(context, data, index):
    """The four bytes at an index as one little-endian word."""
    return _load(32, types.uint32)(context, data, index)


@intrinsic
def load8(context, data, index):
    """The byte at an index."""
    return _load(8, types.uint8)(context, data, index)


def _bits_where(
    test: Callable[[ir.IRBuilder, ir.Value, Callable[[int], ir.Constant]], ir.Value],
) -> Callable[..., Any]:
    """One bit for each of the 32 bytes at an index, set where a test of all of them at once holds."""
    vector = ir.VectorType(ir.IntType(8), 32)

    def same(byte: int) -> ir.Constant:
        return ir.Constant(vector, [byte] * 32)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, args[0])
        place = builder.gep(array.data, [args[1]])
        loaded = builder.load(builder.bitcast(place, vector.as_pointer()))
        loaded.align = 1
        bits = builder.bitcast(test(builder, loaded, same), ir.IntType(32))
        return builder.zext(bits, ir.IntType(64))

    return generate


@intrinsic
def quotes(context, data, index):
    """Which of the 32 bytes at an index are quotes, a bit each."""
    return types.uint64(data, types.int64), _bits_where(
        lambda builder, at, same: builder.icmp_signed("==", at, same(0x22))
    )


@intrinsic
def strange(context, data, index):
    """Which of the 32 bytes at an index are control characters, backslashes, or not ASCII."""
    # As signed numbers, those beyond ASCII are below the control characters.
    return types.uint64(data, types.int64), _bits_where(
        lambda builder, at, same: builder.or_(
            builder.icmp_signed("<", at, same(0x20)), builder.icmp_signed("==", at, same(0x5C))
        )
    )


@intrinsic
def prefetch(context, words, index):
    """Have the cache line of a word brought in, for a look at it some records later."""

    def generate(context, builder, signature, args):
        array = context.make_array(signature.args[0])(context, builder, args[0])
        place = builder.gep(array.data, [args[1]])
        pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        function = builder.module.declare_intrinsic(
            "llvm.prefetch", (pointer,), ir.FunctionType(ir.VoidType(), [pointer, *[number] * 3])
        )
        hints = [ir.Constant(number, hint) for hint in (1, 3, 1)]
        builder.call(function, [builder.bitcast(place, pointer), *hints])
        return context.get_dummy_value()

    return types.none(words, types.uint64), generate


@intrinsic
def trailing_zeros(context, word):
    """Number of zero bits below the lowest one; 64 for zero."""

    def generate(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate


_P1 = np.uint64(0x9E3779B185EBCA87)
_P2 = np.uint64(0xC2B2AE3D27D4EB4F)
_P3 = np.uint64(0x165667B19E3779F9)
_P4 = np.uint64(0x85EBCA77C2B2AE63)
_P5 = np.uint64(0x27D4EB2F165667C5)


@compiled
def _rotate(word, bits):
    return (word << np.uint64(bits)) | (word >> np.uint64(64 - bits))


@compiled
def _round(state, lane):
    return _rotate(state + lane * _P2, 31) * _P1


@compiled
def xxh64(data, at, size):
    """The 64-bit xxHash (seed 0) of ``size`` bytes at ``at``; ``xxhash.xxh64`` gives the same."""
    end = at + size
    i = at
    if size >= 32:
        a, b = _P1 + _P2, _P2
        c, d = np.uint64(0), np.uint64(0) - _P1
        while i + 32 <= end:
            a = _round(a, load64(data, i))
            b = _round(b, load64(data, i + 8))
            c = _round(c, load64(data, i + 16))
            d = _round(d, load64(data, i + 24))
            i += 32
        h = _rotate(a, 1) + _rotate(b, 7) + _rotate(c, 12) + _rotate(d, 18)
        h = (h ^ _round(np.uint64(0), a)) * _P1 + _P4
        h = (h ^ _round(np.uint64(0), b)) * _P1 + _P4
        h = (h ^ _round(np.uint64(0), c)) * _P1 + _P4
        h = (h ^ _round(np.uint64(0), d)) * _P1 + _P4
    else:
        h = _P5
    h += np.uint64(size)
    while i + 8 <= end:
        h = _rotate(h ^ _round(np.uint64(0), load64(data, i)), 27) * _P1 + _P4
        i += 8
    if i + 4 <= end:
        h = _rotate(h ^ (np.uint64(load32(data, i)) * _P1), 23) * _P2 + _P3
        i += 4
    while i < end:
        h = _rotate(h ^ (np.uint64(load8(data, i)) * _P5), 11) * _P1
        i += 1
    h = (h ^ (h >> np.uint64(33))) * _P2
    h = (h ^ (h >> np.uint64(29))) * _P3
    return h ^ (h >> np.uint64(32))


@compiled
def mix(state, word):
    """Fold one word into a hash; ``streams.dedup.mix`` is the same in Python."""
    h = (state ^ word) * _P1
    return h ^ (h >> np.uint64(29))


@compiled
def text_hash(data, text):
    """A 64-bit hash of a text; ``streams.dedup.text_hash`` is the same in Python."""
    at, size = text >> 16, text & 0xFFFF
    h = np.uint64(size)
    i = np.int64(0)
    while i + 8 <= size:
        h = (h ^ load64(data, at + i)) * _P1
        h ^= h >> np.uint64(32)
        i += 8
    if i < size:
        rest = np.uint64(1) << np.uint64(8 * (size - i))
        h = (h ^ (load64(data, at + i) & (rest - np.uint64(1)))) * _P1
        h ^= h >> np.uint64(32)
    return h


@compiled
def copy_bytes(data, at, target, begin, size):
    """Copy bytes a word at a time; up to seven behind them are written too."""
    for i in range(0, size, 8):
        store64(target, begin + i, load64(data, at + i))


@compiled
def same_bytes(data, at, other, other_at, size):
    """Whether two runs of bytes are equal."""
    i = 0
    while i + 8 <= size:
        if load64(data, at + i) != load64(other, other_at + i):
            return False
        i += 8
    while i < size:
        if load8(data, at + i) != load8(other, other_at + i):
            return False
        i += 1
    return True
