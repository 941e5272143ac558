"""Columns of integers in the width of the column that they go into; what does not fit is refused."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agents.stores.values import plain_values
from schemas.store import Column
from streams.columns import Joined, Repeated

#: Column type → type code of ``array.array`` and numpy.
_TYPE_CODES: Final[Mapping[str, str]] = {
    "UInt8": "B",
    "UInt16": "H",
    "UInt32": "I",
    "UInt64": "Q",
    "Int8": "b",
    "Int16": "h",
    "Int32": "i",
    "Int64": "q",
    "DateTime": "I",  # epoch seconds
}


def type_code_of(kind: str) -> str | None:
    """The type code for a column type such as ``DateTime('UTC')``; ``None`` where it has none."""
    return _TYPE_CODES.get(kind.split("(", 1)[0])


def integers(type_code: str, values: Column) -> npt.NDArray[Any]:
    """A column as an array.

    Raises:
        TypeError: a value is no integer.
        OverflowError: a value does not fit.
    """
    match values:
        case Joined():
            return np.concatenate([integers(type_code, piece) for piece in values.pieces])
        case Repeated():
            return integers(type_code, [values.value]).repeat(values.times)
        case np.ndarray():
            return _cast(values, np.dtype(type_code))
        case _:
            return np.frombuffer(array(type_code, plain_values(values)), dtype=type_code)


def _cast(values: npt.NDArray[Any], to: np.dtype[Any]) -> npt.NDArray[Any]:
    if values.dtype.kind not in "iu":
        raise TypeError(f"integers are wanted, not {values.dtype}")
    bounds = np.iinfo(to)
    if len(values) and (int(values.min()) < bounds.min or int(values.max()) > bounds.max):
        raise OverflowError(f"a value is not in {bounds.min} to {bounds.max}")
    return values.astype(to, copy=False)
