"""JSON of strangers: read in one way only, within limits, in time linear in its length.

What two readers could understand differently is refused (a key written twice, NaN), and so is what
the code behind would stumble over: numbers without end, brackets without end, characters that no
file's name and no message can hold.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from itertools import chain
from typing import Any

MOST_BYTES = 32_000_000
MOST_VALUES = 500_000
MOST_DEPTH = 64
MOST_DIGITS = 40
"""More than a generator's state of 128 bits has."""

_SHOWN = 80


class NotStrict(ValueError):
    """A text that is not read; ``str()`` is the reason, in one line."""


def load_json(text: str | bytes, *, most_bytes: int = MOST_BYTES, with_nan: bool = False) -> Any:
    """Return what a text holds: finite numbers, plain text, each key once, no deep nesting.

    Raises `NotStrict` for anything else, for more than `most_bytes`, and for what is not UTF-8.
    `with_nan` is for our own logs, in which NaN is the mean of nothing.
    """
    written = as_text(text, most_bytes=most_bytes)
    # Each may bring a value, and memory: counted before there is any, those in texts too.
    if sum(map(written.count, "[{,")) > MOST_VALUES:
        raise NotStrict(f"it holds more than {MOST_VALUES:,} values")
    try:
        value = (_DECODER_OF_LOGS if with_nan else _DECODER).decode(written)
    except json.JSONDecodeError as error:
        raise NotStrict(str(error)) from error
    except RecursionError:
        raise too_deep() from None
    # Only an escape can bring what no UTF-8 holds.
    require_plain(value, with_text="\\u" in written)
    return value


def as_text(text: str | bytes, *, most_bytes: int) -> str:
    """Return a text as characters; raises `NotStrict` where it is too long or no UTF-8."""
    try:
        data = text.encode() if isinstance(text, str) else text
        if len(data) > most_bytes:
            raise NotStrict(f"it has {len(data):,} bytes, and {most_bytes:,} are the limit")
        return data.decode("utf-8-sig")
    except UnicodeEncodeError as error:
        raise NotStrict(f"it holds {_character(error.object[error.start])}") from error
    except UnicodeDecodeError as error:
        raise NotStrict(f"it is not UTF-8: byte {error.start}, {error.reason}") from error


def require_plain(value: Any, *, with_text: bool = True) -> None:
    """Raise `NotStrict` for deep nesting and, where asked, for characters that nothing can hold."""
    level = [value]
    for _ in range(MOST_DEPTH):
        if with_text:
            _require_plain_text(level)
        level = list(chain.from_iterable(map(_inside, level)))
        if not level:
            return
    raise too_deep()


def require_computable(value: Any) -> None:
    """Raise `NotStrict` where a value holds a number that 64 bits do not.

    A text in a file may become a number where one is wanted: pydantic reads ``"1e999"`` so.
    """
    level = [value]
    while level:
        for number in level:
            if isinstance(number, int) and not -(2**63) <= number < 2**63:
                raise NotStrict("a number of more than 64 bits")
            if isinstance(number, float) and not math.isfinite(number):
                raise no_number(str(number))
        level = list(chain.from_iterable(map(_inside, level)))


def whole_number(text: str) -> int:
    """Return the whole number that digits say; raises `NotStrict` for more than `MOST_DIGITS`."""
    if len(text) > MOST_DIGITS:
        raise NotStrict(f"a number of more than {MOST_DIGITS} digits: {shortened(text)}")
    return int(text)


def finite_number(text: str) -> float:
    """Return the number that a text says; raises `NotStrict` where no float holds it."""
    number = float(text)
    if not math.isfinite(number):
        raise no_number(text)
    return number


def no_number(text: str) -> NotStrict:
    """The refusal of what is called a number, and is beyond all of them."""
    return NotStrict(f"{shortened(text)} is no number that can be computed with")


def too_deep() -> NotStrict:
    """The refusal of brackets in brackets."""
    return NotStrict(f"it is nested more than {MOST_DEPTH} deep")


def written_twice(key: str) -> NotStrict:
    """The refusal of a key of which two readers could take one value each."""
    return NotStrict(f"the key {shortened(key)!r} is written twice")


def shortened(text: str) -> str:
    """The beginning of a text, as a message may quote it."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _inside(value: Any) -> Any:
    if isinstance(value, dict):
        return chain(value.keys(), value.values())
    return value if isinstance(value, list | tuple) else ()


def _require_plain_text(values: list[Any]) -> None:
    for value in values:
        if isinstance(value, str) and not value.isascii():
            _require_encodable(value)
        if isinstance(value, str) and "\0" in value:
            raise NotStrict(f"the text {shortened(value)!r} holds {_character(chr(0))}")


def _require_encodable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        character = _character(error.object[error.start])
        raise NotStrict(f"the text {shortened(ascii(text))} holds {character}") from error


def _character(character: str) -> str:
    if character == "\0":
        return "a null character"
    return f"half a character, U+{ord(character):04X}, which is no text"


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        ((key, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise written_twice(key)
    return found


def _refuse_constant(text: str) -> Any:
    raise no_number(text)


def _nan_alone(text: str) -> float:
    return math.nan if text == "NaN" else _refuse_constant(text)


def _decoder(constant: Callable[[str], Any]) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=_each_key_once,
        parse_int=whole_number,
        parse_float=finite_number,
        parse_constant=constant,
    )


DECODER_OF_ELEMENTS = json.JSONDecoder(
    object_pairs_hook=_each_key_once, parse_constant=_refuse_constant
)
"""For elements of large files, whose reader looks at numbers itself: an infinite one may come."""

_DECODER, _DECODER_OF_LOGS = _decoder(_refuse_constant), _decoder(_nan_alone)
