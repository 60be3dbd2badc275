"""Tables of classes and their colours, as published sets, tools and hands write them.

In text a class to a line: its name and its colour, as three numbers or as ``#6c4014``, the one or
the other first, and an id before both where there is one.  In JSON and YAML names with their
colours, entries that have both, or lists and mappings of the ones beside those of the others.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from fasterseg.datasets.labels import Colour, class_name
from fasterseg.foreign.strict_json import NotStrict, load_json
from fasterseg.foreign.strict_yaml import load_yaml

TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".json", ".yaml", ".yml"})

_HEAD = ["name", "r", "g", "b"]
_NUMBER = re.compile(r"[0-9]{1,3}")
_HEX = re.compile(r"#([0-9a-fA-F]{6})(?![0-9a-zA-Z])")
_BETWEEN = " \t,;:|="
_RUN = re.compile(rf"(?<![\w.])\d{{1,5}}(?:[{_BETWEEN}]+\d{{1,5}})*(?![\w.])")
_DIGITS = re.compile(r"\d+")
_AROUND = f"{_BETWEEN}\"'()[]{{}}"
_MOST_BYTES, _MOST_LINES, _LONGEST = 1 << 20, 1000, 300
_DEEPEST = 3
_NAMES = ("name", "label", "title", "class", "class_name", "classTitle")
_COLOURS = ("color", "colour", "rgb", "color_rgb", "color_hex_code", "hex")
_IDS = ("id", "value", "index")
_BOTH = (("names", "classes", "labels"), ("palette", "colors", "colours"))


class Entry(NamedTuple):
    """A class of a table, with its id where the table says one."""

    name: str
    colour: Colour
    label: int | None = None


def is_table(text: str) -> bool:
    """Whether a file's first line says that it has names and colours, as Kaggle's tables do."""
    return _cells(text.split("\n", 1)[0]) == _HEAD


def entries_in(text: str, suffix: str) -> tuple[Entry, ...]:
    """Return the classes of a table in the order of their ids, or of its lines; none of no table.

    Each has a name and a colour of its own, but in Kaggle's tables, of which lines that are none
    are left out, too.
    """
    if len(text) > _MOST_BYTES:
        return ()
    if suffix == ".csv" and is_table(text):
        return _of_rows(text.splitlines())
    if suffix in (".json", ".yaml", ".yml"):
        found = _of_values(text, is_json=suffix == ".json")
    else:
        found = _of_lines(text)
    if not _are_told_apart(found):
        return ()
    return tuple(sorted(found, key=lambda one: one.label or 0))


def _are_told_apart(entries: Sequence[Entry]) -> bool:
    labels = [one.label for one in entries if one.label is not None]
    return all(
        len({*some}) == len(some)
        for some in ([one.name for one in entries], [one.colour for one in entries], labels)
    ) and len(labels) in (0, len(entries))


def _of_rows(rows: Iterable[str]) -> tuple[Entry, ...]:
    try:
        known = [row for row in csv.reader(rows) if len(row) == len(_HEAD)]
    except csv.Error:  # a cell without end
        return ()
    found: dict[str, Entry] = {}
    for name, *numbers in known:
        values = [int(one) for one in numbers if _NUMBER.fullmatch(one.strip())]
        if (colour := _colour(values)) is not None and name.strip():
            found[name.strip()] = Entry(name.strip(), colour)
    return tuple(found.values())


def _cells(line: str) -> list[str]:
    return [cell.strip().strip('"').casefold() for cell in line.split(",")]


def _of_lines(text: str) -> tuple[Entry, ...]:
    """The classes of lines of which each is one; the first may say what columns there are."""
    lines = [stripped for line in text.splitlines() if (stripped := line.strip())]
    if len(lines) > _MOST_LINES or any(len(line) > _LONGEST for line in lines):
        return ()
    told = [_of_line(line) for line in lines]
    ahead = bool(told) and told[0] is None  # what the columns are
    rest = zip(lines[ahead:], told[ahead:], strict=True)
    return _all(found for line, found in rest if found or not line.startswith("#"))


def _of_line(line: str) -> Entry | None:
    if told := _HEX.search(line):
        return _named(_without(line, told), _of_hex(told[1]), None)
    runs = [(run, [*map(int, _DIGITS.findall(run[0]))]) for run in _RUN.finditer(line)]
    long = [(run, numbers) for run, numbers in runs if len(numbers) in (3, 4)]
    if len(long) != 1:
        return None
    run, numbers = long[0]
    if len(numbers) == 4 and not line[: run.start()].strip(_AROUND):
        return _named(_without(line, run), _colour(numbers[1:]), numbers[0])
    return _named(_without(line, run), _colour(numbers), None)


def _without(line: str, part: re.Match[str]) -> str:
    return f"{line[: part.start()]} {line[part.end() :]}"


def _named(rest: str, colour: Colour | None, label: int | None) -> Entry | None:
    """The class of what a line has beside its colour: a name, and an id before it."""
    rest = rest.strip(_AROUND)
    ahead = re.match(rf"(\d{{1,5}})[{re.escape(_AROUND)}]+", rest)
    if ahead and label is None:
        label, rest = int(ahead[1]), rest[ahead.end() :]
    name = str(class_name(rest))
    is_name = any(map(str.isalpha, name)) and not any(sign in name for sign in ",;|\t")
    return Entry(name, colour, label) if is_name and colour is not None else None


def _colour(values: Sequence[Any]) -> Colour | None:
    """A colour of three numbers, or of four of which the last says how opaque it is."""
    whole = all(isinstance(one, int) and not isinstance(one, bool) for one in values)
    if len(values) not in (3, 4) or not whole or not all(0 <= one <= 255 for one in values):
        return None
    return (values[0], values[1], values[2])


def _of_hex(text: str) -> Colour:
    red, green, blue = bytes.fromhex(text)
    return (red, green, blue)


def _as_colour(value: Any) -> Colour | None:
    if isinstance(value, list | tuple):
        return _colour(value)
    if not isinstance(value, str):
        return None
    if told := _HEX.fullmatch(value.strip()):
        return _of_hex(told[1])
    numbers = re.findall(r"\d{1,3}", value[:_LONGEST])
    plain = re.fullmatch(r"[\[(]?\s*\d{1,3}([\s,]+\d{1,3}){2,3}\s*[\])]?", value[:_LONGEST])
    return _colour([int(one) for one in numbers]) if plain else None


def _of_values(text: str, *, is_json: bool) -> tuple[Entry, ...]:
    try:
        value = load_json(text) if is_json else load_yaml(text)
    except NotStrict:
        return ()
    return next(_tables_in(value, _DEEPEST), ())


def _tables_in(value: Any, deep: int) -> Iterator[tuple[Entry, ...]]:
    """Yield each table that there is in a document, the outer ones first."""
    inside: list[Any] = []
    if isinstance(value, dict):
        found, inside = _of_mapping(value), [*value.values()]
    elif isinstance(value, list):
        found, inside = _of_list(value), value[:_MOST_LINES]
    else:
        return
    if found:
        yield found
    elif deep:
        for one in inside:
            yield from _tables_in(one, deep - 1)


def _of_mapping(value: Mapping[Any, Any]) -> tuple[Entry, ...]:
    """Names to colours, colours to names, or lists of both."""
    names, colours = (_list_of(value, keys) for keys in _BOTH)
    return (
        _all(_entry(name, colour) for name, colour in value.items())
        or _all(_entry(name, colour) for colour, name in value.items())
        or (_all(map(_entry, names, colours)) if len(names) == len(colours) else ())
    )


def _list_of(value: Mapping[Any, Any], keys: Sequence[str]) -> list[Any]:
    return next((found for key in keys if isinstance(found := value.get(key), list)), [])


def _of_list(value: Sequence[Any]) -> tuple[Entry, ...]:
    """Entries with both, or ids to names beside ids to colours."""
    if not all(isinstance(one, dict) for one in value):
        return ()
    if len(value) == 2 and value[0].keys() == value[1].keys():
        names, colours = value
        if found := _all(_entry(name, colours[label], label) for label, name in names.items()):
            return found
    return _all(
        _entry(*(_first_of(one, keys) for keys in (_NAMES, _COLOURS, _IDS))) for one in value
    )


def _all(entries: Iterable[Entry | None]) -> tuple[Entry, ...]:
    """The entries where there are several, and none of what is asked is no entry."""
    found: list[Entry] = []
    for one in entries:
        if one is None:
            return ()
        found.append(one)
    return tuple(found) if len(found) > 1 else ()


def _first_of(value: Mapping[Any, Any], keys: Sequence[str]) -> Any:
    return next((value[key] for key in keys if key in value), None)


def _entry(name: Any, colour: Any, label: Any = None) -> Entry | None:
    read, called = _as_colour(colour), class_name(name)
    if read is None or not isinstance(called, str) or not any(map(str.isalpha, called)):
        return None
    number = label if isinstance(label, int) and not isinstance(label, bool) else None
    return Entry(called, read, number if number is None or number >= 0 else None)
