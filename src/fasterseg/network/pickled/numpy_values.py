"""Numbers and dictionaries as NumPy pickles them, from what the pickle's reader noted."""

from __future__ import annotations

import re
import struct
from typing import Any

from fasterseg.network.pickled.reading import read_pickle
from fasterseg.network.pickled.values import Dictionary, Made, Name, PickleFault, bytes_of, kind_of

SCALAR_NAMES = frozenset(
    {
        "numpy.core.multiarray.scalar",
        "numpy._core.multiarray.scalar",
        "numpy.dtype",
        "_codecs.encode",
    }
)
"""What a pickled number of NumPy asks for."""

_ARRAYS = frozenset({"numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct"})
_TABLE_NAMES = SCALAR_NAMES | _ARRAYS | {"numpy.ndarray"}

_FORMS = {"f2": "e", "f4": "f", "f8": "d"} | {
    f"{sign}{size}": letter.upper() if sign == "u" else letter
    for sign in "iu"
    for size, letter in ((1, "b"), (2, "h"), (4, "i"), (8, "q"))
}
_ORDERS = {"<": "<", "|": "<", ">": ">"}

_MAGIC = b"\x93NUMPY"
_HEADER = re.compile(
    rb"\{'descr': '\|?O8?', 'fortran_order': (?:False|True), 'shape': \(\), ?\} *\n"
)
_LONGEST_HEADER = 4096


def named_values(data: bytes) -> dict[str, Any]:
    """Return the dictionary that a ``.npy`` file holds; raises `PickleFault` for anything else."""
    found, end = read_pickle(data, _after_header(data), known=_TABLE_NAMES)
    if end != len(data):
        raise PickleFault("bytes follow its content")
    content = _item_of(found) if isinstance(found, Made) else found
    if not isinstance(content, dict) or isinstance(content, Dictionary):
        raise PickleFault(f"it holds {kind_of(content)}, not a dictionary")
    return content


def number_of(value: object) -> float | int | None:
    """Return the number that a value stands for, None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | Made):
        return None
    return value if isinstance(value, int | float) else _scalar(value)


def _after_header(data: bytes) -> int:
    """Where the pickle begins, behind a header that says: one object, of no shape."""
    if data[: len(_MAGIC)] != _MAGIC:
        raise PickleFault("it does not begin as a NumPy file does")
    form = {b"\1\0": "<H", b"\2\0": "<I"}.get(data[6:8])
    if form is None:
        raise PickleFault(f"its format is {tuple(data[6:8])}")
    start = 8 + struct.calcsize(form)
    if len(data) < start:
        raise PickleFault("it ends too early")
    length = struct.unpack(form, data[8:start])[0]
    header = data[start : start + min(length, _LONGEST_HEADER + 1)]
    if len(header) != length or not _HEADER.fullmatch(header):
        raise PickleFault("its header is damaged, or it holds an array and not a dictionary")
    return start + int(length)


def _item_of(array: Made) -> object:
    """The one object in an array of no dimensions."""
    match array:
        case Made(name, (Name("numpy.ndarray"), (0,), _), (1, (), Made() as kind, False, [item])):
            if name in _ARRAYS and _kind_of_number(kind)[0] == "O":
                return item
    raise PickleFault("it holds an array, not a dictionary")


def _scalar(made: Made) -> float | int | None:
    """A number from its type and its bytes."""
    match made:
        case Made("numpy.core.multiarray.scalar" | "numpy._core.multiarray.scalar", (kind, data)):
            if not isinstance(kind, Made) or made.state is not None:
                return None
            letter, order = _kind_of_number(kind)
            raw = bytes_of(data)
            if letter == "O" or len(raw) != struct.calcsize(letter):
                raise PickleFault("one of its numbers is damaged")
            number: float | int = struct.unpack(order + letter, raw)[0]
            return number
    return None


def _kind_of_number(kind: Made) -> tuple[str, str]:
    """The letter of a NumPy type, as `struct` has it or ``O``, and its order of bytes."""
    match kind:
        case Made("numpy.dtype", (str() as name, _, _), (3, str() as order, None, None, None, *_)):
            letter = "O" if name in ("O", "O8") else _FORMS.get(name)
            if letter is not None and order in _ORDERS:
                return letter, _ORDERS[order]
    raise PickleFault("one of its numbers has a type that is not known")
