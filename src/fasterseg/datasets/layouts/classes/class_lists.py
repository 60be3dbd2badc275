"""Lists of class names in text files, one to a line: in the order of their ids, or with them.

Of JSON those of Hugging Face's form are read, of names by their ids.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from fasterseg.amounts import first_few
from fasterseg.datasets.labels import class_name
from fasterseg.datasets.pairing.pairs import Tree
from fasterseg.datasets.pairing.text_files import lines_of
from fasterseg.errors import DataError
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.foreign.strict_json import NotStrict, load_json, shortened

_BETWEEN = " \t:;,="
_AHEAD = re.compile(rf"(\d{{1,5}})[{_BETWEEN}.)]")
_BEHIND = re.compile(rf"[{_BETWEEN}](\d{{1,5}})$")
_LONGEST_ID = 6  # with what is before it
_NAMED = 8


def names_in(tree: Tree, path: Path) -> tuple[str, ...]:
    """Return the class names that a file lists, in the order of their ids.

    A line is a name, or a name with its id before or behind it where all lines are so.
    Raises DataError for a name twice, an empty line between others, ids that leave one out, and
    JSON of another form.
    """
    names = _of_json(tree, path) if path.suffix == ".json" else _of_lines(tree, path)
    name, times = next(iter(Counter(names).most_common(1)), ("", 0))
    if times > 1:
        raise DataError(
            "two classes have one name",
            where=tree.shown(path),
            why=f"{shortened(name)!r} is there {times:,} times",
            next_step="give each class a name of its own",
        )
    return tuple(names)


def _of_lines(tree: Tree, path: Path) -> list[str]:
    lines = _without_gaps(tree, path)
    return _by_ids(lines, tree.shown(path)) or [class_name(line) for line in lines]


def _of_json(tree: Tree, path: Path) -> list[str]:
    """The names of a mapping as ``{"0": "wall", "1": "floor"}``."""
    try:
        found = load_json(bytes_of(path, fault=DataError))
    except NotStrict as error:
        raise _no_names(tree, path, str(error)) from error
    if not isinstance(found, dict) or not found:
        raise _no_names(tree, path, "it is no mapping of ids to names")
    for key, name in found.items():
        is_id = key.isdecimal() and len(key) <= _LONGEST_ID
        if not (is_id and isinstance(name, str) and name.strip()):
            raise _no_names(tree, path, f"{shortened(key)!r} leads to no name of an id")
    names = {int(key): class_name(name) for key, name in found.items()}
    if sorted(names) != list(range(len(found))):
        raise _left_out(sorted(names), len(found), tree.shown(path))
    return [names[label] for label in range(len(names))]


def _no_names(tree: Tree, path: Path, why: str) -> DataError:
    return DataError(
        "this names no classes",
        where=tree.shown(path),
        why=why,
        next_step='write each id with its name into it, as {"0": "wall", "1": "floor"}',
    )


def _without_gaps(tree: Tree, path: Path) -> list[str]:
    """The lines that are no comments; raises DataError for an empty one between them."""
    lines = [(line, int(where.rpartition(":")[2])) for line, where in lines_of(tree, path)]
    for (_, number), (_, after) in pairwise(lines):
        if after > number + 1:
            raise DataError(
                "a list of classes has an empty line",
                where=f"{tree.shown(path)}:{number + 1}",
                why="each line names the class of the next id: nobody knows if one was left out",
                next_step="write the class's name there, or remove the line",
            )
    return [line for line, _ in lines if not line.startswith("#")]


def _by_ids(lines: Sequence[str], where: str) -> list[str]:
    """The names of lines that all have an id too; none where they are names alone."""
    for form in (_id_ahead, _id_behind):
        told = [found for line in lines if (found := form(line))]
        names = {label: str(class_name(name)) for label, name in told}
        if len(told) < len(lines) or len(lines) < 2 or len({*names.values()}) < len(names):
            continue  # as "lane 1" and "lane 2": the numbers are of the names
        if sorted(names) != list(range(len(lines))):
            raise _left_out(sorted(names), len(lines), where)
        return [names[label] for label in range(len(names))]
    return []


def _id_ahead(line: str) -> tuple[int, str] | None:
    found = _AHEAD.match(line)
    name = line[found.end(1) :].lstrip(f"{_BETWEEN}.)") if found else ""
    return (int(found[1]), name) if found and name else None


def _id_behind(line: str) -> tuple[int, str] | None:
    found = _BEHIND.search(line[-_LONGEST_ID:])
    name = line[: -len(found[0])].rstrip(_BETWEEN) if found else ""
    return (int(found[1]), name) if found and name else None


def _left_out(ids: Sequence[int], lines: int, where: str) -> DataError:
    missing = [*map(str, sorted({*range(ids[-1])} - {*ids}))]
    return DataError(
        "a list of classes does not name each id",
        where=where,
        why=f"no line has {first_few(missing, _NAMED)}"
        if missing
        else f"its {lines:,} lines have {len(ids):,} ids",
        next_step="give each id from 0 on a line, as 0: background",
    )
